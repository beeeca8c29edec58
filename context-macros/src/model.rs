//! The model: everything that an expansion needs to know about one annotated function.
//!
//! Building it reads meaning out of syntax: which option is which, how the body runs, what a handle can offer. Values
//! that are wrong by themselves are reported here; rules that connect several parts are in `check`.

mod options;
mod output;
mod parameters;
mod values;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote};
use syn::{Attribute, Expr, Receiver};

use crate::diagnostics::Sink;
use crate::parse::{Argument, Function};
use crate::tokens;

pub(crate) use options::{HandleOption, Setting};
pub(crate) use output::{Driver, Output};
pub(crate) use parameters::{Parameter, parameters};
pub(crate) use values::{Value, asset_key_problem, asset_text, is_asset_template};

/// The most parameters that a handle's `submit` and `map` can take.
const MOST_PARAMETERS: usize = 12;

/// Which attribute stands on the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Flow,
    Task,
    Materialize,
}

impl Kind {
    /// As the user writes it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Flow => "#[flow]",
            Self::Task => "#[task]",
            Self::Materialize => "#[materialize]",
        }
    }

    pub(crate) fn macro_name(self) -> Ident {
        let name = match self {
            Self::Flow => "flow",
            Self::Task => "task",
            Self::Materialize => "materialize",
        };
        Ident::new(name, Span::call_site())
    }

    /// Where core has what a function of this kind is defined by.
    pub(crate) fn definitions(self) -> Ident {
        Ident::new(if self.is_task() { "task" } else { "flow" }, Span::call_site())
    }

    pub(crate) fn is_task(self) -> bool {
        self != Self::Flow
    }
}

/// Where generated code finds the library.
#[derive(Clone)]
pub(crate) struct Paths {
    /// The facade crate.
    pub root: TokenStream,
    /// What expansions may name.
    pub private: TokenStream,
}

impl Default for Paths {
    fn default() -> Self {
        Self::at(&quote!(::context))
    }
}

impl Paths {
    fn at(root: &TokenStream) -> Self {
        Self { root: root.clone(), private: quote!(#root::__private) }
    }

    /// The paths that a `crate = path` among `arguments` asks for.
    pub(crate) fn find(arguments: &[Argument]) -> Self {
        arguments
            .iter()
            .find_map(|argument| match argument {
                Argument::Named { name, value } if name == "crate" => match &**value {
                    Expr::Path(path) => Some(Self::at(&path.to_token_stream())),
                    _ => None,
                },
                _ => None,
            })
            .unwrap_or_default()
    }
}

/// What the handle of a free function can offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Interface {
    /// Everything: arguments and result can be named, kept and sent.
    Full,
    /// The definition, and stubs that say why there is no more: the arguments are borrowed, too many, or do not tell
    /// the type parameters.
    Stubs,
    /// The definition only: the result cannot be named.
    Definition,
}

/// One annotated function.
pub(crate) struct Run {
    pub kind: Kind,
    pub paths: Paths,
    /// As the user wrote it.
    pub function: Function,
    pub parameters: Vec<Parameter>,
    pub output: Output,
    pub driver: Driver,
    /// The name of the handle type; none for methods and `handle = false`.
    pub handle: Option<Ident>,
    /// The value of the `handle` option, if there is one.
    pub handle_option: Option<HandleOption>,
    pub interface: Interface,
    pub settings: Vec<Setting>,
}

impl Run {
    /// Reads the meaning of an attribute and its function.
    pub(crate) fn new(
        kind: Kind,
        arguments: Vec<Argument>,
        function: Function,
        sink: &mut Sink,
    ) -> Self {
        let paths = Paths::find(&arguments);
        let options = options::resolve(kind, arguments, sink);
        let parameters = parameters(&function.sig);
        let (driver, output) = output::output(&function.sig);
        let in_impl = function.sig.receiver().is_some()
            || tokens::mentions(signature_types(&function), "Self");
        let handle = match (&options.handle, driver) {
            (Some(HandleOption::None), _) | (_, Driver::Boxed | Driver::Returned) => None,
            _ if in_impl => None,
            (Some(HandleOption::Named(name)), _) => Some(name.clone()),
            (None, _) => {
                // The type's name does not get the function's span: editors would show two things in one place.
                let mut name = function.sig.ident.clone();
                name.set_span(tokens::generated_at(name.span()));
                Some(name)
            }
        };
        let interface = interface(&function, &parameters, &output);
        Self {
            kind,
            paths,
            parameters,
            output,
            driver,
            handle,
            handle_option: options.handle,
            interface,
            settings: options.settings,
            function,
        }
    }

    /// The `self` argument.
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        self.function.sig.receiver()
    }

    /// The option `name`, if it is set.
    pub(crate) fn setting(&self, name: &str) -> Option<&Setting> {
        self.settings.iter().find(|setting| setting.option == name)
    }

    /// True if the attribute says for certain that results are kept.
    pub(crate) fn keeps_result(&self) -> bool {
        let setting = |name| self.setting(name);
        if setting("persist_result").is_some_and(|persist| persist.value.is_false()) {
            return false;
        }
        let others = [
            "persist_result",
            "result_storage",
            "result_serializer",
            "result_storage_key",
            "cache_key_fn",
        ];
        setting("cache_policy").is_some_and(|policy| !policy.value.is_no_policy())
            || others.into_iter().any(|option| setting(option).is_some())
    }

    /// The doc comment as text.
    pub(crate) fn doc(&self) -> String {
        let lines: Vec<String> = self.function.attrs.iter().filter_map(doc_line).collect();
        let text: Vec<&str> =
            lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
        text.join("\n").trim().to_owned()
    }
}

fn interface(function: &Function, parameters: &[Parameter], output: &Output) -> Interface {
    let generics = &function.sig.generics;
    if generics.lifetimes().next().is_some()
        || parameters.len() > MOST_PARAMETERS
        || parameters.iter().any(|parameter| tokens::borrows(parameter.ty.to_token_stream()))
    {
        return Interface::Stubs;
    }
    let determined = |name: &Ident| {
        parameters.iter().any(|parameter| tokens::determines(parameter.ty.to_token_stream(), name))
    };
    if output.opaque || output.never {
        return Interface::Definition;
    }
    let constrained = generics.type_params().all(|param| determined(&param.ident))
        && generics.const_params().all(|param| determined(&param.ident));
    if constrained { Interface::Full } else { Interface::Stubs }
}

/// The types in a signature, as tokens.
fn signature_types(function: &Function) -> TokenStream {
    let inputs = &function.sig.inputs;
    let output = &function.sig.output;
    let generics = &function.sig.generics;
    let bounds = &function.sig.generics.where_clause;
    quote!(#generics #inputs #output #bounds)
}

fn doc_line(attr: &Attribute) -> Option<String> {
    let syn::Meta::NameValue(meta) = &attr.meta else { return None };
    match &meta.value {
        Expr::Lit(literal) if meta.path.is_ident("doc") => match &literal.lit {
            syn::Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
