//! The frames of a websocket, found in the bytes of one direction.

/// More than any message of Prefect's. Who says more is not understood.
const MAX_LENGTH: u64 = 1 << 28;

/// Takes bytes as they come and gives the text messages that they complete.
#[derive(Debug, Default)]
pub(super) struct Frames {
    /// What is not a whole frame yet.
    pending: Vec<u8>,
    /// What is not a whole message yet.
    text: Option<Vec<u8>>,
    is_lost: bool,
}

struct Head {
    is_final: bool,
    opcode: u8,
    mask: Option<[u8; 4]>,
    length: usize,
    /// Of the head itself.
    size: usize,
}

const CONTINUATION: u8 = 0;
const TEXT: u8 = 1;
const FIRST_CONTROL: u8 = 8;

impl Frames {
    pub(super) fn take(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut texts = Vec::new();
        if self.is_lost {
            return texts;
        }
        self.pending.extend_from_slice(bytes);
        let mut start = 0;
        while let Some(head) = self.head(start) {
            let end = start + head.size + head.length;
            let Some(payload) = self.pending.get(start + head.size..end) else { break };
            let mut payload = payload.to_vec();
            if let Some(mask) = head.mask {
                for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
                    *byte ^= mask;
                }
            }
            start = end;
            texts.extend(self.message(&head, payload));
        }
        self.pending.drain(..start);
        texts
    }

    /// The frame's part of a message, and the message if it is complete. Control frames may stand between the parts.
    fn message(&mut self, head: &Head, payload: Vec<u8>) -> Option<String> {
        match head.opcode {
            CONTINUATION => self.text.as_mut()?.extend_from_slice(&payload),
            TEXT => self.text = Some(payload),
            FIRST_CONTROL.. => return None,
            _ => self.text = None,
        }
        let text = head.is_final.then(|| self.text.take())??;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    /// The head of the frame that begins at `start`, once all of it is there.
    fn head(&mut self, start: usize) -> Option<Head> {
        let bytes = &self.pending[start..];
        let (&first, &second) = (bytes.first()?, bytes.get(1)?);
        let (length, mut size) = match second & 0x7f {
            126 => (u64::from(u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?)), 4),
            127 => (u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?), 10),
            length => (u64::from(length), 2),
        };
        let mask = if second & 0x80 == 0 {
            None
        } else {
            size += 4;
            Some(*bytes.get(size - 4..)?.first_chunk()?)
        };
        if length > MAX_LENGTH {
            self.is_lost = true;
            return None;
        }
        let length = usize::try_from(length).ok()?;
        Some(Head { is_final: first & 0x80 != 0, opcode: first & 0x0f, mask, length, size })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINAL: u8 = 0x80;
    const PING: u8 = 9;

    fn frame(first: u8, payload: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
        let masked = if mask.is_some() { 0x80 } else { 0 };
        let mut frame = vec![first];
        match payload.len() {
            length @ 0..126 => frame.push(masked | u8::try_from(length).unwrap()),
            length @ 126..65_536 => {
                frame.push(masked | 126);
                frame.extend_from_slice(&u16::try_from(length).unwrap().to_be_bytes());
            }
            length => {
                frame.push(masked | 127);
                frame.extend_from_slice(&(length as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&mask.unwrap_or_default()[..if mask.is_some() { 4 } else { 0 }]);
        let mask = mask.unwrap_or_default();
        frame.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        frame
    }

    /// Fed in pieces of every size, the messages are the same.
    fn assert_texts(bytes: &[u8], expected: &[&str]) {
        for size in [1, 2, 3, 7, 100, bytes.len()] {
            let mut frames = Frames::default();
            let texts: Vec<String> =
                bytes.chunks(size).flat_map(|piece| frames.take(piece)).collect();
            assert_eq!(texts, expected, "in pieces of {size}");
            assert!(frames.pending.is_empty());
        }
    }

    #[test]
    fn frames_are_found_in_bytes_as_they_come() {
        let mask = Some([1, 2, 3, 4]);
        let long = "é".repeat(40_000);
        let texts = ["", "short", &"x".repeat(125), &"y".repeat(126), &"z".repeat(65_535), &long];
        for mask in [None, mask] {
            let frames = texts.iter().map(|text| frame(FINAL | TEXT, text.as_bytes(), mask));
            assert_texts(&frames.collect::<Vec<_>>().concat(), &texts);
        }
    }

    #[test]
    fn a_message_in_parts_is_one_with_control_frames_between() {
        let parts = [
            frame(TEXT, "{\"é".as_bytes().split_last().unwrap().1, None),
            frame(FINAL | PING, b"here?", None),
            frame(CONTINUATION, &"é".as_bytes()[1..], None),
            frame(FINAL | CONTINUATION, b"\": 1}", None),
            frame(FINAL | 2, b"binary", None),
            frame(FINAL | TEXT, b"next", None),
        ];
        assert_texts(&parts.concat(), &["{\"é\": 1}", "next"]);
    }

    #[test]
    fn nonsense_is_given_up() {
        let mut frames = Frames::default();
        assert!(
            frames.take(&[FINAL | TEXT, 127, 255, 255, 255, 255, 255, 255, 255, 255]).is_empty()
        );
        assert!(frames.take(&frame(FINAL | TEXT, b"late", None)).is_empty());
        assert!(frames.is_lost);
    }
}
