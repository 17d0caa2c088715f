//! What is inside a sealed state file: a state, and zeros that hide how long it is.
//!
//! Sealing it with age, and writing it so that it is durable, is the matter of whoever has a disk.
//! Layout: `EMS1`, the length as 32 bits, the state, zeros to a multiple of 64 KiB.

use zeroize::Zeroizing;

use crate::bytes::Reader;

/// The sizes of a file are multiples of this, in bytes.
pub const BLOCK: usize = 64 << 10;
/// The longest state in bytes: 1 GiB.
pub const MAX_STATE: usize = 1 << 30;
const MAGIC: &[u8; 4] = b"EMS1";
const HEAD: usize = 8;

/// Says why bytes are no state file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateFileError {
    /// The state is longer than a file may hold.
    #[error("the state is longer than 1 GiB")]
    TooLong,
    /// The bytes do not begin like a state file, or are cut off, or hold more than a state.
    #[error("not a state file")]
    Malformed,
}

/// Pads a state for its file.
pub fn encode(state: &[u8]) -> Result<Zeroizing<Vec<u8>>, StateFileError> {
    if state.len() > MAX_STATE {
        return Err(StateFileError::TooLong);
    }
    let length = u32::try_from(state.len()).map_err(|_| StateFileError::TooLong)?;
    let size = (state.len() + HEAD).next_multiple_of(BLOCK);
    let mut file = Zeroizing::new(Vec::with_capacity(size));
    file.extend_from_slice(MAGIC);
    file.extend_from_slice(&length.to_be_bytes());
    file.extend_from_slice(state);
    file.resize(size, 0);
    Ok(file)
}

/// Returns the state in a file.
pub fn decode(file: &[u8]) -> Result<&[u8], StateFileError> {
    let mut reader = Reader::new(file);
    let magic = reader.take(MAGIC.len()).ok_or(StateFileError::Malformed)?;
    let length = reader.u32().and_then(|length| usize::try_from(length).ok()).ok_or(StateFileError::Malformed)?;
    let state = reader.take(length).ok_or(StateFileError::Malformed)?;
    let rest = file.get(HEAD + length..).ok_or(StateFileError::Malformed)?;
    let padded = file.len() == (HEAD + length).next_multiple_of(BLOCK) && rest.iter().all(|byte| *byte == 0);
    if magic == MAGIC && padded { Ok(state) } else { Err(StateFileError::Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_comes_out_as_it_went_in_and_its_length_does_not_show() {
        for length in [0, 1, BLOCK - 8, BLOCK - 7, 3 * BLOCK] {
            let state = vec![7; length];
            let file = encode(&state).unwrap();
            assert_eq!(file.len() % BLOCK, 0);
            assert_eq!(decode(&file).unwrap(), state);
        }
    }

    #[test]
    fn what_is_cut_off_or_changed_is_no_state_file() {
        let file = encode(b"state").unwrap();
        for length in [0, 3, 7, 8, 13, BLOCK - 1] {
            assert_eq!(decode(&file[..length]), Err(StateFileError::Malformed));
        }
        // Another length within the padding shows only where the file is sealed.
        for at in [0, 4, 5, 13, BLOCK - 1] {
            let mut damaged = file.to_vec();
            damaged[at] ^= 1;
            assert_eq!(decode(&damaged), Err(StateFileError::Malformed), "byte {at}");
        }
        let mut longer = file.to_vec();
        longer.resize(2 * BLOCK, 0);
        assert_eq!(decode(&longer), Err(StateFileError::Malformed));
    }
}
