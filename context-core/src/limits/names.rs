//! What names of limits can be given as.

use std::sync::Arc;

/// One name of a limit, or several: a `&str`, a `String`, or an array, slice or `Vec` of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not name concurrency limits",
    note = "give a text, or an array or `Vec` of texts"
)]
pub trait LimitNames {
    /// The names, in any order.
    fn into_names(self) -> Vec<Arc<str>>;
}

impl LimitNames for &str {
    fn into_names(self) -> Vec<Arc<str>> {
        vec![self.into()]
    }
}

impl LimitNames for String {
    fn into_names(self) -> Vec<Arc<str>> {
        vec![self.into()]
    }
}

impl LimitNames for &String {
    fn into_names(self) -> Vec<Arc<str>> {
        vec![self.as_str().into()]
    }
}

impl<N: AsRef<str>, const COUNT: usize> LimitNames for [N; COUNT] {
    fn into_names(self) -> Vec<Arc<str>> {
        self.as_slice().into_names()
    }
}

impl<N: AsRef<str>> LimitNames for Vec<N> {
    fn into_names(self) -> Vec<Arc<str>> {
        self.as_slice().into_names()
    }
}

impl<N: AsRef<str>> LimitNames for &Vec<N> {
    fn into_names(self) -> Vec<Arc<str>> {
        self.as_slice().into_names()
    }
}

impl<N: AsRef<str>> LimitNames for &[N] {
    fn into_names(self) -> Vec<Arc<str>> {
        self.iter().map(|name| name.as_ref().into()).collect()
    }
}
