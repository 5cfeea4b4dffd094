//! Permissions and owner of what replaces or accompanies a store.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown};

use convodb::testing::{Access, Disk, DiskFile, SystemDisk};
use tempfile::TempDir;

use super::*;

/// The system's files. It records the access of each draft when it is made, and when it gets its
/// name; another owner can be refused, as the system does to all but root.
#[derive(Debug, Default)]
struct Watched {
    seen: Mutex<Vec<(u32, u32)>>,
    refuses_owners: bool,
}

impl Watched {
    fn see(&self, path: &Path) {
        let metadata = fs::metadata(path).unwrap();
        let seen = (metadata.mode() & 0o7777, metadata.uid());
        self.seen.lock().unwrap().push(seen);
    }
}

impl Disk for Watched {
    fn create_like(&self, path: &Path, access: &Access) -> io::Result<Box<dyn DiskFile>> {
        if self.refuses_owners && access.owner.is_some() {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let file = SystemDisk.create_like(path, access)?;
        self.see(path);
        Ok(file)
    }
    fn hard_link(&self, original: &Path, link: &Path) -> io::Result<()> {
        self.see(original);
        SystemDisk.hard_link(original, link)
    }
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.see(from);
        SystemDisk.rename(from, to)
    }
}

/// A store whose file has this mode.
fn store_of(mode: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    let store = Store::open(&path).unwrap();
    receive(&store, 1);
    store.close().unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().mode() & 0o7777
}

#[test]
fn what_replaces_or_accompanies_a_store_has_its_mode_from_its_creation_on() {
    // With a umask of 022, the last one is wider than a new file's.
    for bits in [0o600, 0o640, 0o400, 0o666] {
        let (directory, path) = store_of(0o600);
        let disk = Arc::new(Watched::default());
        let store = Store::options().disk(disk.clone()).open(&path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(bits)).unwrap();
        let copy = directory.path().join("copy.redb");
        store.backup(&copy).unwrap();
        store.compact().unwrap();
        receive(&store, 2);
        assert_eq!([mode(&path), mode(&copy)], [bits, bits]);
        let seen = disk.seen.lock().unwrap();
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|(mode, _)| *mode == bits), "{seen:?}");
    }
}

#[test]
fn a_new_store_has_the_mode_of_any_new_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox.redb");
    Store::open(&path).unwrap();
    let other = directory.path().join("other");
    fs::write(&other, "any").unwrap();
    assert_eq!(mode(&path), mode(&other));
}

#[test]
fn root_compacts_and_copies_a_store_of_another_user_which_stays_its_owner() {
    const USER: u32 = 54_321;
    let (directory, path) = store_of(0o600);
    if chown(&path, Some(USER), Some(USER)).is_err() {
        // Only root can do so; what others get is in the next test.
        return;
    }
    let disk = Arc::new(Watched::default());
    let store = Store::options().disk(disk.clone()).open(&path).unwrap();
    let copy = directory.path().join("copy.redb");
    store.compact().unwrap();
    store.backup(&copy).unwrap();
    for path in [&path, &copy] {
        let metadata = fs::metadata(path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (USER, USER));
        assert_eq!(mode(path), 0o600);
    }
    let seen = disk.seen.lock().unwrap();
    assert!(seen.iter().all(|seen| *seen == (0o600, USER)), "{seen:?}");
}

#[test]
fn where_the_owner_cannot_be_kept_nothing_is_compacted_and_a_copy_is_no_wider() {
    let (directory, path) = store_of(0o660);
    let disk = Arc::new(Watched {
        refuses_owners: true,
        ..Watched::default()
    });
    let store = Store::options().disk(disk).open(&path).unwrap();
    let before = fs::read(&path).unwrap();
    let error = store.compact().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Io);
    let source = std::error::Error::source(&error).unwrap();
    let source: &io::Error = source.downcast_ref().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::PermissionDenied);
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    receive(&store, 2);

    let copy = directory.path().join("copy.redb");
    store.backup(&copy).unwrap();
    // Its group may be another one.
    assert_eq!(mode(&copy), 0o600);
    assert_eq!(Store::open(&copy).unwrap().stats().unwrap().messages, 2);
}

/// The group's bits of a file with an access control list are the list's mask, of which the group itself
/// may have nothing.
#[test]
#[cfg(target_os = "linux")]
fn a_copy_of_a_file_with_an_access_control_list_gives_its_group_nothing() {
    const SET: &str = "
import os, struct, sys
none = 0xffffffff
entries = [(1, 6, none), (2, 6, 1234), (4, 0, none), (0x10, 6, none), (0x20, 0, none)]
entries = b''.join(struct.pack('<HHI', *entry) for entry in entries)
os.setxattr(sys.argv[1], 'system.posix_acl_access', struct.pack('<I', 2) + entries)
";
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("inbox");
    let store = Store::open(&path).unwrap();
    let set = std::process::Command::new("python3")
        .args(["-c", SET])
        .arg(&path)
        .output();
    if !set.is_ok_and(|set| set.status.success()) {
        println!("skipped: there is no Python, or the file system has no access control lists");
        return;
    }
    assert_eq!(mode(&path) & 0o070, 0o060, "the mask");
    store.backup(directory.path().join("copy")).unwrap();
    store.compact().unwrap();
    store.close().unwrap();
    for name in ["inbox", "copy"] {
        assert_eq!(mode(&directory.path().join(name)) & 0o070, 0, "{name}");
    }
}
