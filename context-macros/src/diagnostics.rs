//! Errors for the user: collected, so that one mistake does not hide another.
//!
//! A message is in lower case and says what is wrong, then what would be right. It points at the smallest token of the
//! user's that is at fault.

use proc_macro2::{Span, TokenStream};
use quote::ToTokens;

/// The farthest that a name may be from a known one to be taken for it.
const TYPO_DISTANCE: usize = 2;

/// Collects the errors of all stages.
#[derive(Debug, Default)]
pub(crate) struct Sink {
    errors: Vec<syn::Error>,
}

impl Sink {
    /// Reports `message` at all of `tokens`.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.errors.push(syn::Error::new_spanned(tokens, message));
    }

    /// Reports `message` at `span`.
    pub(crate) fn at_span(&mut self, span: Span, message: impl std::fmt::Display) {
        self.errors.push(syn::Error::new(span, message));
    }

    /// Takes in an error of the parser.
    pub(crate) fn take(&mut self, error: syn::Error) {
        self.errors.push(error);
    }

    /// Takes in the reports of another sink.
    pub(crate) fn merge(&mut self, other: Self) {
        self.errors.extend(other.errors);
    }

    /// True if nothing was reported.
    pub(crate) fn is_empty(&self) -> bool {
        self.errors.is_empty()
    }

    /// One `compile_error!` for each report.
    pub(crate) fn into_tokens(self) -> TokenStream {
        self.errors.iter().map(syn::Error::to_compile_error).collect()
    }

    /// The messages, for tests.
    #[cfg(test)]
    pub(crate) fn messages(&self) -> Vec<String> {
        self.errors
            .iter()
            .flat_map(|error| error.clone().into_iter())
            .map(|error| error.to_string())
            .collect()
    }
}

/// The one of `known` that `name` is most likely a misspelling of.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= TYPO_DISTANCE && *distance < candidate.len())
        .min()
        .map(|(_, candidate)| candidate)
}

/// Names as a sentence lists them: "`a`, `b`, `c`".
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_misspelt_name_finds_the_nearest_known_one() {
        let known = ["retries", "timeout", "name", "by"];
        assert_eq!(nearest("retires", known), Some("retries"));
        assert_eq!(nearest("timout", known), Some("timeout"));
        assert_eq!(nearest("bogus", known), None);
        assert_eq!(nearest("x", known), None);
    }
}
