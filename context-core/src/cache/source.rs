//! The text that identifies a task's code.

use std::borrow::Cow;
use std::fmt;
use std::sync::OnceLock;

use super::hash::Arguments;

/// The text that identifies a task's code, and its hash.
///
/// The text should hold the path of the module and the source of the function: two functions of
/// equal source in different modules are then different code. Its hash is computed once, so a task
/// keeps one of these.
///
/// # Examples
///
/// ```
/// use context_core::cache::CodeSource;
///
/// static SOURCE: CodeSource = CodeSource::literal("my_crate::tasks\nfn double(x: i64) -> i64 { 2 * x }");
/// assert!(SOURCE.text().starts_with("my_crate"));
/// ```
pub struct CodeSource {
    text: Cow<'static, str>,
    hash: OnceLock<String>,
}

impl CodeSource {
    /// A text that is known when the program is compiled.
    pub const fn literal(text: &'static str) -> Self {
        Self { text: Cow::Borrowed(text), hash: OnceLock::new() }
    }

    /// Any text.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), hash: OnceLock::new() }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn hash(&self) -> &str {
        self.hash.get_or_init(|| {
            let mut arguments = Arguments::with_capacity(self.text.len() + 16);
            arguments.add_text(&self.text);
            arguments.hash()
        })
    }
}

impl fmt::Debug for CodeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CodeSource").field(&self.text).finish()
    }
}
