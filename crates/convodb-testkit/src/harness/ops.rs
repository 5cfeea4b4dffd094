//! Arbitrary bytes as operations beside the model, on a disk that fails where they say so: what
//! the fuzz target runs.

use super::disk::Fate;
use super::faults::{self, Fault, Step};
use super::report::Breach;
use crate::bytes::Bytes;

/// More operations find nothing that fewer do not, and take longer.
const MOST: usize = 48;

/// Runs the bytes twice, without a fault and with the one that the first four bytes tell.
///
/// # Errors
///
/// The breach that the fault has shown; without a fault a difference panics.
pub fn run(data: &[u8]) -> Result<(), (Breach, String)> {
    let Some((fault, rest)) = data.split_first_chunk() else {
        return Ok(());
    };
    let mut bytes = Bytes(rest);
    let steps = (0..MOST).map_while(|number| step(&mut bytes, number));
    let twin = faults::twin(steps.collect());
    faults::try_fault(&twin, fault_of(*fault))
}

/// The next step, if there are bytes for one.
fn step(bytes: &mut Bytes<'_>, number: usize) -> Option<Step> {
    let Bytes(rest) = bytes;
    let (kind, behind) = rest.split_first()?;
    // What the operations have no number for.
    match kind {
        248..=251 => {
            *rest = behind;
            Some(Step::BackUp(number))
        }
        252.. => {
            *rest = behind;
            Some(Step::Repair)
        }
        _ => Some(Step::Do(bytes.op())),
    }
}

fn fault_of([kind, high, low, how]: [u8; 4]) -> Fault {
    let number = u64::from(u16::from_be_bytes([high, low]));
    let fate = if how & 1 == 0 {
        Fate::Refused(std::io::ErrorKind::Other)
    } else {
        Fate::Half(std::io::ErrorKind::Other)
    };
    match kind {
        0..64 => Fault::Nothing,
        64..96 => Fault::Full { bytes: number * 64 },
        _ => Fault::Call {
            number,
            lasts: how & 2 != 0,
            fate,
        },
    }
}
