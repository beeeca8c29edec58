//! Where the user's attributes go when one function becomes two.
//!
//! The emitted function gets the doc comment and what the compiler itself understands. The body gets lint levels, since
//! it has the code they are about. An attribute macro goes where it sees the function it was written for: on the body
//! of an `async fn`, which is still one, and on the function itself otherwise.

use proc_macro2::Span;
use syn::{Attribute, Ident};

use crate::model::{Driver, Run};

/// Attributes that the compiler understands and that are about a function as others see it.
const BUILT_IN: &[&str] = &[
    "automatically_derived",
    "bench",
    "cfg",
    "cfg_attr",
    "cold",
    "deprecated",
    "diagnostic",
    "doc",
    "export_name",
    "ignore",
    "inline",
    "link_section",
    "must_use",
    "no_mangle",
    "rustfmt",
    "clippy",
    "should_panic",
    "target_feature",
    "test",
    "track_caller",
    "unsafe",
];

const LINT_LEVELS: &[&str] = &["allow", "deny", "expect", "forbid", "warn"];

/// The attributes of a function that was split in two.
pub(super) struct Split {
    /// Those of the function that keeps the name.
    pub outer: Vec<Attribute>,
    /// Those of the body.
    pub body: Vec<Attribute>,
}

/// Deals out the attributes of a function with a handle.
pub(super) fn split(run: &Run) -> Split {
    let mut split = Split { outer: Vec::new(), body: Vec::new() };
    for attr in &run.function.attrs {
        if begins_with(attr, LINT_LEVELS) {
            split.outer.push(unconditional(attr));
            split.body.push(unconditional(attr));
        } else if begins_with(attr, BUILT_IN) || run.driver != Driver::Async {
            split.outer.push(attr.clone());
        } else {
            split.body.push(attr.clone());
        }
    }
    split
}

fn begins_with(attr: &Attribute, names: &[&str]) -> bool {
    attr.path().segments.first().is_some_and(|first| names.iter().any(|name| first.ident == name))
}

/// `#[expect]` as `#[allow]`: of two functions, one would never fulfil it.
fn unconditional(attr: &Attribute) -> Attribute {
    let mut attr = attr.clone();
    if attr.path().is_ident("expect")
        && let syn::Meta::List(list) = &mut attr.meta
    {
        list.path = Ident::new("allow", Span::call_site()).into();
    }
    attr
}
