//! The names in a JSON object, found without parsing its values.

use std::borrow::Cow;

/// The names of the members of a JSON object, as `serde_json` has written it.
pub(super) struct Names<'a> {
    text: &'a str,
    /// Where the next name begins, if there is one: at its quotation mark.
    at: usize,
}

impl<'a> Names<'a> {
    pub(super) const fn of(object: &'a str) -> Self {
        Self { text: object, at: 1 }
    }
}

impl<'a> Iterator for Names<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Cow<'a, str>> {
        let bytes = self.text.as_bytes();
        if bytes.get(self.at) != Some(&b'"') {
            return None;
        }
        let end = after_text(bytes, self.at);
        let quoted = &self.text[self.at..end];
        // The colon, the value, and the comma after it.
        self.at = after_value(bytes, end + 1) + 1;
        let name = quoted.get(1..quoted.len() - 1).unwrap_or_default();
        Some(if name.contains('\\') {
            Cow::Owned(serde_json::from_str(quoted).unwrap_or_default())
        } else {
            Cow::Borrowed(name)
        })
    }
}

/// Where a text ends that begins at `at`.
fn after_text(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// Where the comma or the brace is after the value that begins at `at`.
fn after_value(bytes: &[u8], mut at: usize) -> usize {
    let mut depth = 0_usize;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = after_text(bytes, at);
                continue;
            }
            b'[' | b'{' => depth += 1,
            b',' | b'}' if depth == 0 => return at,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_skipped() {
        let names = |text| Names::of(text).collect::<Vec<_>>();
        assert_eq!(names("{}"), Vec::<&str>::new());
        assert_eq!(
            names(r#"{"a":1,"b":{"x":[",",{"y":"}\\\""}]},"c\"\n":"","d":[]}"#),
            ["a", "b", "c\"\n", "d"]
        );
        assert_eq!(names("[1]"), Vec::<&str>::new(), "not an object");
        assert_eq!(names(r#"{"torn"#), ["tor"], "no panic");
    }
}
