//! Which functions can be a run at all.
//!
//! A function that breaks one of these rules is emitted as it is: no expansion of it would compile.

use syn::{Attribute, Safety};

use super::is;
use crate::diagnostics::Sink;
use crate::model::Run;
use crate::parse::Function;

/// Checks what stands on and before the function's name; true if it can be expanded.
pub(crate) fn signature(run: &Run, sink: &mut Sink) -> bool {
    let attribute = run.kind.attribute();
    let mut problems = Sink::default();
    let sig = &run.function.sig;
    if let Some(token) = &sig.constness {
        problems.at(
            token,
            format!("`{attribute}` cannot be a `const fn`: a run is recorded while the program runs; remove `const`"),
        );
    }
    if let Safety::Unsafe(token) = &sig.safety {
        problems.at(
            token,
            format!(
                "`{attribute}` cannot be an `unsafe fn`: the engine cannot uphold its contract; make it safe, with \
                 an `unsafe` block inside"
            ),
        );
    }
    if let Some(abi) = &sig.abi {
        problems.at(
            abi,
            format!(
                "`{attribute}` cannot be an `extern` function; remove `extern` and call it from a function that has it"
            ),
        );
    }
    if let Some(variadic) = &sig.variadic {
        problems.at(
            variadic,
            format!(
                "`{attribute}` cannot have a variable number of arguments; take a `Vec` instead"
            ),
        );
    }
    for attr in &run.function.attrs {
        if is_twin(attr) {
            problems.at(
                attr.path(),
                format!("a function can be a flow or a task, but not twice; remove this attribute or `{attribute}`"),
            );
        } else if let Some(name) = runtime_attribute(attr) {
            problems.at(
                attr.path(),
                format!(
                    "`{attribute}` must stand below `#[{name}]`, which takes the `async` away; move `#[{name}]` to \
                     the top"
                ),
            );
        }
    }
    let sound = problems.is_empty();
    sink.merge(problems);
    sound
}

/// The function without further attributes of ours, which would report the same mistakes again.
pub(crate) fn without_twins(function: &Function) -> Function {
    let mut function = function.clone();
    function.attrs.retain(|attr| !is_twin(attr));
    function
}

fn is_twin(attr: &Attribute) -> bool {
    ["task", "flow", "materialize"].iter().any(|name| is(attr, name, &["", "context"]))
}

fn runtime_attribute(attr: &Attribute) -> Option<String> {
    let found = is(attr, "main", &["tokio", "context", "async_std", "smol", "actix_web"])
        || is(attr, "test", &["tokio", "async_std"]);
    let segments = || attr.path().segments.iter().map(|segment| segment.ident.to_string());
    found.then(|| segments().collect::<Vec<_>>().join("::"))
}
