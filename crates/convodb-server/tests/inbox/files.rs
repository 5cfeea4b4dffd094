//! The files of the page, as a browser gets them.

use crate::seeds;

const FILES: [(&str, &str); 5] = [
    ("/inbox", "text/html; charset=utf-8"),
    ("/inbox/style.css", "text/css; charset=utf-8"),
    ("/inbox/main.js", "text/javascript; charset=utf-8"),
    ("/inbox/message.js", "text/javascript; charset=utf-8"),
    ("/inbox/icon.svg", "image/svg+xml"),
];

#[test]
fn the_files_need_no_key_and_have_strict_headers() {
    let (_home, server) = seeds::server();
    for (path, kind) in FILES {
        let answer = server.curl_as_it_is(path, &[]);
        assert_eq!(answer.status, 200, "{path}");
        assert_eq!(answer.header("content-type"), Some(kind));
        let policy = answer.header("content-security-policy").unwrap();
        let parts: Vec<_> = policy.split("; ").collect();
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "img-src 'self' data:",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(parts.contains(&part), "{path}: {policy}");
        }
        assert!(!policy.contains("unsafe"), "{policy}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cache-control"), Some("no-cache"));
        let known = format!("If-None-Match: {}", answer.header("etag").unwrap());
        let again = server.curl_as_it_is(path, &["--header", &known]);
        assert_eq!((again.status, again.body.as_str()), (304, ""), "{path}");
    }
    assert_eq!(server.curl_as_it_is("/inbox/other.js", &[]).status, 404);
    let moved = server.curl_as_it_is("/inbox/", &[]);
    assert_eq!(
        (moved.status, moved.header("location")),
        (308, Some("../inbox"))
    );
}

#[test]
fn the_page_has_no_script_and_no_style_in_it_and_no_module_makes_markup_of_a_text() {
    let (_home, server) = seeds::server();
    let page = server.curl_as_it_is("/inbox", &[]).body;
    for refused in ["<style", " style=", "javascript:", "http://", "https://"] {
        assert!(!page.contains(refused), "{refused}");
    }
    assert_eq!(page.matches("<script").count(), 1);
    assert!(page.contains(r#"<script type="module" src="inbox/main.js"></script>"#));
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/inbox");
    let mut modules = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "js") {
            continue;
        }
        modules += 1;
        let source = std::fs::read_to_string(&path).unwrap();
        for refused in [
            "innerHTML",
            "outerHTML",
            "insertAdjacentHTML",
            "document.write",
            "DOMParser",
            "createContextualFragment",
            "setHTML",
            "eval(",
            "new Function",
            "import(",
        ] {
            assert!(!source.contains(refused), "{}: {refused}", path.display());
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        let served = server.curl_as_it_is(&format!("/inbox/{name}"), &[]);
        assert_eq!(served.body, source, "{name}");
    }
    assert!(modules > 10);
}
