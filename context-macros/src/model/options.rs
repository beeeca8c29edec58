//! Options by name: which exist, what they take, and what stands in for those that Prefect has and we do not.

use proc_macro2::{Ident, Span};
use quote::ToTokens as _;
use syn::{Expr, Lit};

use super::Kind;
use super::values::{self, Value};
use crate::diagnostics::{Sink, list, nearest};
use crate::parse::Argument;

/// What an option takes.
#[derive(Clone, Copy, Debug)]
enum Takes {
    Text,
    /// A flow's name: text without some characters.
    FlowName,
    /// Text, or something that is called for the name.
    RunName,
    Flag,
    Count,
    Factor,
    Duration,
    /// One duration, or one for each retry.
    Durations,
    Assets,
    Tags,
    Policy,
    /// One function, with a name for it in messages.
    Function(&'static str),
    /// One function or a list.
    Hooks,
    Storage,
    Serializer,
    /// A template.
    StorageKey,
    TaskRunner,
    /// `crate` and `handle`: not for the engine.
    Expansion,
}

/// An option that works. The order is the one in which messages list them.
struct Known {
    name: &'static str,
    kinds: &'static [Kind],
    takes: Takes,
    /// The method of core's builder.
    method: &'static str,
}

const ALL: &[Kind] = &[Kind::Flow, Kind::Task, Kind::Materialize];
const TASKS: &[Kind] = &[Kind::Task, Kind::Materialize];
const FLOW: &[Kind] = &[Kind::Flow];
const MATERIALIZE: &[Kind] = &[Kind::Materialize];

const fn known(name: &'static str, kinds: &'static [Kind], takes: Takes) -> Known {
    Known { name, kinds, takes, method: name }
}

const KNOWN: &[Known] = &[
    Known { method: "materialized_by", ..known("by", MATERIALIZE, Takes::Text) },
    known("name", TASKS, Takes::Text),
    known("name", FLOW, Takes::FlowName),
    known("description", ALL, Takes::Text),
    known("version", ALL, Takes::Text),
    known("tags", TASKS, Takes::Tags),
    known("flow_run_name", FLOW, Takes::RunName),
    known("task_run_name", TASKS, Takes::RunName),
    known("retries", ALL, Takes::Count),
    known("retry_delay", FLOW, Takes::Duration),
    known("retry_delay", TASKS, Takes::Durations),
    known("retry_jitter", TASKS, Takes::Factor),
    known("retry_condition", TASKS, Takes::Function("decide")),
    known("timeout", ALL, Takes::Duration),
    known("cache_policy", TASKS, Takes::Policy),
    known("cache_key_fn", TASKS, Takes::Function("key_of")),
    known("cache_expiration", TASKS, Takes::Duration),
    known("refresh_cache", TASKS, Takes::Flag),
    known("persist_result", ALL, Takes::Flag),
    known("result_storage", ALL, Takes::Storage),
    known("result_serializer", ALL, Takes::Serializer),
    known("result_storage_key", TASKS, Takes::StorageKey),
    known("cache_result_in_memory", ALL, Takes::Flag),
    known("on_running", ALL, Takes::Hooks),
    known("on_completion", ALL, Takes::Hooks),
    known("on_failure", ALL, Takes::Hooks),
    known("on_cancellation", FLOW, Takes::Hooks),
    known("on_crashed", FLOW, Takes::Hooks),
    known("on_commit", TASKS, Takes::Hooks),
    known("on_rollback", TASKS, Takes::Hooks),
    known("task_runner", FLOW, Takes::TaskRunner),
    known("log_prints", ALL, Takes::Flag),
    known("asset_deps", TASKS, Takes::Assets),
    known("handle", ALL, Takes::Expansion),
    known("crate", ALL, Takes::Expansion),
];

const NOT_CACHED: &str = "only results of tasks are cached; set it on a task";
const FLOW_HOOK: &str =
    "tasks have no such hook, as in Prefect; set it on the flow that calls the task";

/// What to write for an option of Prefect's, or of another macro, that does not exist here.
const INSTEAD: &[(&str, &[Kind], &str)] = &[
    ("retry_delay_seconds", ALL, "the unit is part of the value: write `retry_delay = \"10s\"`"),
    ("timeout_seconds", ALL, "the unit is part of the value: write `timeout = \"30s\"`"),
    ("retry_jitter_factor", TASKS, "it is spelled `retry_jitter` here: write `retry_jitter = 0.3`"),
    (
        "retry_condition_fn",
        TASKS,
        "it is spelled `retry_condition` here: write `retry_condition = f`",
    ),
    ("retry_condition", FLOW, "a flow retries after every failure; set it on a task"),
    ("cache_policy", FLOW, NOT_CACHED),
    ("cache_key_fn", FLOW, NOT_CACHED),
    ("cache_expiration", FLOW, NOT_CACHED),
    ("refresh_cache", FLOW, NOT_CACHED),
    ("result_storage_key", FLOW, "only tasks choose the key of their result; set it on a task"),
    ("on_cancellation", TASKS, FLOW_HOOK),
    ("on_crashed", TASKS, FLOW_HOOK),
    ("on_commit", FLOW, "only task runs are transactions; set it on a task"),
    ("on_rollback", FLOW, "only task runs are transactions; set it on a task"),
    ("task_runner", TASKS, "the flow that calls a task chooses what runs it; set it on the flow"),
    ("validate_parameters", FLOW, "the compiler checks the types of parameters; remove the option"),
    ("viz_return_value", TASKS, "flows are not visualised by running them; remove the option"),
    ("tags", FLOW, "flows have no `tags` option; wrap the call in `tags!(\"..\", { .. })`"),
    ("task_run_name", FLOW, "runs of a flow are named by `flow_run_name`"),
    ("flow_run_name", TASKS, "runs of a task are named by `task_run_name`"),
    ("task_key", TASKS, "it is made from the function's name and source; remove the option"),
    ("assets", TASKS, "write `#[materialize(\"scheme://key\", ..)]`, with the keys first"),
    (
        "by",
        &[Kind::Task],
        "only what makes assets has it: write `#[materialize(\"scheme://key\", by = ..)]`",
    ),
    ("materialized_by", TASKS, "it is the option `by` of `#[materialize(..)]`"),
    ("materialized_by", FLOW, "it is the option `by` of `#[materialize(..)]`"),
];

/// An option that is handed to core.
pub(crate) struct Setting {
    /// As the user wrote it.
    pub option: Ident,
    /// The method of core's builder.
    pub method: Ident,
    pub value: Value,
}

/// The value of the `handle` option.
#[derive(Clone)]
pub(crate) enum HandleOption {
    /// `handle = false`.
    None,
    /// `handle = Name`.
    Named(Ident),
}

/// All options of one attribute.
#[derive(Default)]
pub(crate) struct Options {
    pub settings: Vec<Setting>,
    pub handle: Option<HandleOption>,
}

/// Finds out which option is which.
pub(crate) fn resolve(kind: Kind, arguments: Vec<Argument>, sink: &mut Sink) -> Options {
    let mut options = Options::default();
    let mut seen: Vec<String> = Vec::new();
    let mut assets = Vec::new();
    for argument in arguments {
        match argument {
            Argument::Value(value)
                if kind == Kind::Materialize && seen.is_empty() && !is_call_of_option(&value) =>
            {
                assets.push(values::asset(*value, sink));
            }
            Argument::Value(value) => sink.at(&value, stray_value(kind, &value)),
            Argument::Named { name, value } => {
                let text = name.to_string();
                if seen.contains(&text) {
                    sink.at(&name, format!("option `{text}` is given twice; remove one"));
                    continue;
                }
                match KNOWN.iter().find(|known| known.name == text && known.kinds.contains(&kind)) {
                    Some(known) => option(known, &name, *value, &mut options, sink),
                    None => sink.at(&name, unknown(kind, &text)),
                }
                seen.push(text);
            }
        }
    }
    if kind == Kind::Materialize {
        if assets.is_empty() {
            sink.at_span(
                Span::call_site(),
                "`#[materialize]` needs the key of at least one asset: write `#[materialize(\"s3://bucket/key\")]`",
            );
        }
        let option = Ident::new("assets", Span::call_site());
        let method = Ident::new("asset", Span::call_site());
        options.settings.insert(0, Setting { option, method, value: Value::Each(assets) });
    }
    options
}

fn option(known: &Known, name: &Ident, value: Expr, options: &mut Options, sink: &mut Sink) {
    let value = match known.takes {
        Takes::Text => values::text(name, value, &[], sink),
        Takes::FlowName => values::text(name, value, values::BANNED_IN_FLOW_NAMES, sink),
        Takes::RunName => values::run_name(name, value, sink),
        Takes::Flag => values::flag(name, value, sink),
        Takes::Count => values::count(name, value, sink),
        Takes::Factor => values::factor(name, value, sink),
        Takes::Duration => values::duration(name, value, sink),
        Takes::Durations => values::durations(name, value, sink),
        Takes::Assets => values::assets(name, value, sink),
        Takes::Tags => values::tags(name, value, sink),
        Takes::Policy => values::object(name, value, "a cache policy", "inputs()", sink),
        Takes::Function(example) => values::function(name, value, example, sink),
        Takes::Hooks => match values::hooks(name, value, sink) {
            Some(hooks) => hooks,
            None => return,
        },
        Takes::Storage => values::storage(name, value, sink),
        Takes::Serializer => values::serializer(name, value, sink),
        Takes::StorageKey => values::storage_key(name, value, sink),
        Takes::TaskRunner => {
            values::object(name, value, "a task runner", "ConcurrentTaskRunner::new()", sink)
        }
        Takes::Expansion if name == "handle" => {
            options.handle = handle(&value, sink);
            return;
        }
        Takes::Expansion => {
            if !matches!(value, Expr::Path(_)) {
                sink.at(
                    &value,
                    "`crate` takes the path of the `context` crate: write `crate = ::path`",
                );
            }
            return;
        }
    };
    let method = match value {
        Value::Each(_) => "asset_dep",
        _ => known.method,
    };
    let method = Ident::new(method, crate::tokens::generated_at(name.span()));
    options.settings.push(Setting { option: name.clone(), method, value });
}

fn handle(value: &Expr, sink: &mut Sink) -> Option<HandleOption> {
    match value {
        Expr::Lit(literal) => {
            if let Lit::Bool(on) = &literal.lit {
                return (!on.value).then_some(HandleOption::None);
            }
        }
        Expr::Path(path) => {
            if let Some(name) = path.path.get_ident() {
                return Some(HandleOption::Named(name.clone()));
            }
        }
        _ => {}
    }
    sink.at(
        value,
        "`handle` takes a name for the handle type, or `false` for none: write `handle = Name`",
    );
    None
}

fn unknown(kind: Kind, name: &str) -> String {
    let attribute = kind.attribute();
    if let Some((.., instead)) =
        INSTEAD.iter().find(|(it, kinds, _)| *it == name && kinds.contains(&kind))
    {
        return format!("unsupported `{attribute}` option `{name}`: {instead}");
    }
    let supported =
        || KNOWN.iter().filter(|known| known.kinds.contains(&kind)).map(|known| known.name);
    let guess = match nearest(name, supported()) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    format!(
        "unsupported `{attribute}` option `{name}`; {guess}supported options are: {}",
        list(supported())
    )
}

/// True for `retries(3)`.
fn is_call_of_option(value: &Expr) -> bool {
    called_option(value).is_some()
}

fn called_option(value: &Expr) -> Option<String> {
    let Expr::Call(call) = value else { return None };
    let Expr::Path(path) = &*call.func else { return None };
    let name = path.path.get_ident()?.to_string();
    KNOWN.iter().any(|known| known.name == name).then_some(name)
}

fn stray_value(kind: Kind, value: &Expr) -> String {
    if let (Some(name), Expr::Call(call)) = (called_option(value), value) {
        let argument = call.args.to_token_stream();
        return format!("options are written `name = value`; write `{name} = {argument}`");
    }
    match value {
        Expr::Path(path) if path.path.get_ident().is_some() && kind != Kind::Materialize => {
            let name = path.path.get_ident().map(ToString::to_string).unwrap_or_default();
            format!("options are written `name = value`; write `{name} = ..`")
        }
        _ if kind == Kind::Materialize => {
            "asset keys come first, before the options; move it to the front".to_owned()
        }
        Expr::Lit(_) => {
            let literal = value.to_token_stream();
            format!(
                "options are written `name = value`; if this is the name, write `name = {literal}`"
            )
        }
        _ => "options are written `name = value`".to_owned(),
    }
}
