//! A hash over a function's tokens: the part of a task's identity that changes with its code.
//!
//! Formatting, comments and doc comments do not count. The hash must not depend on the compiler's version or on where
//! the code stands, so tokens are hashed one by one and not as printed text.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// A hash over the tokens, as sixteen hex digits.
///
/// All of them identify the code, as in cache keys; the first eight are enough where a name stands beside them.
pub(crate) fn source_hash(stream: TokenStream) -> String {
    let mut hash = Fnv::default();
    hash.stream(stream);
    format!("{:016x}", hash.0)
}

/// FNV-1a, 64 bits: stable by definition, unlike the hashes of `std`.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn stream(&mut self, stream: TokenStream) {
        let mut tokens = stream.into_iter().peekable();
        while let Some(token) = tokens.next() {
            match token {
                TokenTree::Punct(punct) if punct.as_char() == '#' => {
                    if tokens.next_if(is_doc).is_none() {
                        self.text("#");
                    }
                }
                TokenTree::Punct(punct) => self.text(punct.as_char().encode_utf8(&mut [0; 4])),
                TokenTree::Ident(ident) => self.text(&ident.to_string()),
                TokenTree::Literal(literal) => self.text(&literal.to_string()),
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        Delimiter::Parenthesis => ("(", ")"),
                        Delimiter::Brace => ("{", "}"),
                        Delimiter::Bracket => ("[", "]"),
                        Delimiter::None => ("", ""),
                    };
                    self.text(open);
                    self.stream(group.stream());
                    self.text(close);
                }
            }
        }
    }

    fn text(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        for byte in text.bytes().chain([0]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

fn is_doc(token: &TokenTree) -> bool {
    match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Bracket => {
            matches!(group.stream().into_iter().next(), Some(TokenTree::Ident(ident)) if ident == "doc")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(source: &str) -> String {
        source_hash(source.parse().expect("tokens"))
    }

    #[test]
    fn only_code_counts() {
        let plain = hash("fn f(x: u8) -> u8 { x + 1 }");
        assert_eq!(plain, hash("/// Adds.\nfn f( x : u8 )->u8 { // one\n x+1 }"));
        assert_ne!(plain, hash("fn f(x: u8) -> u8 { x + 2 }"));
        assert_eq!(plain.len(), 16);
    }

    #[test]
    fn the_hash_is_the_same_everywhere() {
        assert_eq!(hash("fn f() {}"), "4ce5a5e430e32346");
    }
}
