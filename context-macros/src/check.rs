//! Rules that connect parts: options with the signature, options with each other.
//!
//! Every rule reports on its own, so that all mistakes show at once. Nothing here changes the model.

mod asset_key;
mod results;
mod run_name;
mod signature;
mod storage_key;
mod template;

use quote::ToTokens as _;
use syn::{Attribute, ReceiverKind, Type};

use crate::diagnostics::Sink;
use crate::model::{Driver, HandleOption, Run, asset_text, is_asset_template};

pub(crate) use signature::{signature, without_twins};

/// Checks the options against the function.
pub(crate) fn options(run: &Run, sink: &mut Sink) {
    reserved_parameters(run, sink);
    handle(run, sink);
    retries(run, sink);
    timeout(run, sink);
    results::check(run, sink);
    asset_keys(run, sink);
    for option in ["task_run_name", "flow_run_name"] {
        if let Some(template) = run.setting(option).and_then(|setting| setting.value.as_text()) {
            run_name::check(template, &run.parameters, sink);
        }
    }
    if let Some(key) = run.setting("result_storage_key").and_then(|setting| setting.value.as_text())
    {
        storage_key::check(key, &run.parameters, sink);
    }
}

/// Templates of asset keys.
fn asset_keys(run: &Run, sink: &mut Sink) {
    for option in ["assets", "asset_deps"] {
        let declared = run.setting(option).map_or(&[][..], |setting| setting.value.each());
        for text in declared.iter().filter_map(|value| asset_text(value.as_expression()?)) {
            if is_asset_template(&text.value()) {
                asset_key::check(text, &run.parameters, sink);
            }
        }
    }
}

fn reserved_parameters(run: &Run, sink: &mut Sink) {
    for parameter in &run.parameters {
        if ["return_state", "wait_for"].contains(&parameter.recorded.as_str()) {
            sink.at(
                &parameter.pattern,
                format!(
                    "a parameter cannot be named `{}`, which `{}` reserves; give it another name",
                    parameter.recorded,
                    run.kind.attribute()
                ),
            );
        }
    }
}

fn handle(run: &Run, sink: &mut Sink) {
    let Some(HandleOption::Named(name)) = &run.handle_option else { return };
    let (reason, instead) = if run.receiver().is_some() {
        ("a method has no handle", "move the function out of the `impl` block")
    } else if matches!(run.driver, Driver::Boxed | Driver::Returned) {
        ("a function that returns a future has no handle", "write an `async fn`")
    } else {
        return;
    };
    sink.at(name, format!("{reason}; remove the option, or {instead}"));
}

/// Every attempt after the first needs the arguments again.
fn retries(run: &Run, sink: &mut Sink) {
    if run.setting("retries").is_none() {
        return;
    }
    for parameter in &run.parameters {
        if let Type::Reference(reference) = &parameter.ty
            && reference.mutability.is_some()
        {
            sink.at(
                &parameter.ty,
                "`retries` cannot be combined with a `&mut` argument: a later attempt would see what a failed one \
                 left behind; take the value and return it",
            );
        }
    }
    let Some(receiver) = run.receiver() else { return };
    let shared = match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_none(),
        ReceiverKind::Typed(_, ty) => {
            matches!(&**ty, Type::Reference(reference) if reference.mutability.is_none())
        }
        _ => false,
    };
    if !shared {
        sink.at(
            receiver,
            format!("`retries` needs `&self`: each attempt uses the receiver again, which `{}` does not allow", {
                receiver.to_token_stream().to_string().replace("& ", "&")
            }),
        );
    }
}

/// A run that takes too long ends with an error of the engine's, which the function must be able to return.
fn timeout(run: &Run, sink: &mut Sink) {
    if let Some(setting) = run.setting("timeout")
        && !run.output.fallible
    {
        let output = run.output.ty.to_string();
        sink.at(
            &setting.option,
            format!(
                "`timeout` needs a `Result` return type, but `{}` returns `{}`; return `Result<_, E>` where `E` \
                 implements `From<context::RunError>`",
                run.function.sig.ident,
                output.replace("& ", "&")
            ),
        );
    }
}

/// True if `attr` is `path`, written with or without the crate in front.
fn is(attr: &Attribute, name: &str, krates: &[&str]) -> bool {
    let segments = &attr.path().segments;
    let last = segments.last().is_some_and(|last| last.ident == name);
    match segments.len() {
        1 => last && krates.contains(&""),
        2 => last && krates.iter().any(|krate| segments[0].ident == krate),
        _ => false,
    }
}
