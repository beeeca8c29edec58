//! Templates of storage keys: every `{field}` is a parameter, or belongs to a run or its deployment.
//!
//! What a run has (`{flow_run.id}`), and what follows a parameter's name, is core's.

use syn::LitStr;

use super::run_name::missing;
use super::template::{fields, root};
use crate::diagnostics::{Sink, list, nearest};
use crate::model::Parameter;

/// What a field may start with, besides `parameters`.
const RUNS: [&str; 3] = ["flow_run", "task_run", "deployment"];

/// Checks a template against the parameters it may name.
pub(crate) fn check(template: &LitStr, parameters: &[Parameter], sink: &mut Sink) {
    let text = template.value();
    match fields(&text, "parameters[x]") {
        Ok(fields) => {
            for problem in fields.into_iter().filter_map(|field| problem(field, parameters)) {
                sink.at(template, problem);
            }
        }
        Err(problem) => sink.at(template, problem),
    }
}

fn problem(field: &str, parameters: &[Parameter]) -> Option<String> {
    let root = root(field);
    let rest = field[root.len()..].trim();
    if root == "parameters" {
        return parameter_problem(field, rest, parameters);
    }
    if RUNS.contains(&root) {
        let member = rest.strip_prefix('.').is_some_and(|member| !member.is_empty());
        return (!member).then(|| {
            format!("`{{{field}}}` is not text: write what it is to give, such as `{{{root}.id}}`")
        });
    }
    if parameters.iter().any(|parameter| parameter.recorded == root) {
        return Some(format!(
            "`{{{field}}}` is unknown in a storage key: write `{{parameters[{root}]{rest}}}`"
        ));
    }
    let guess = match nearest(root, RUNS.into_iter().chain(["parameters"])) {
        Some(near) => format!("did you mean `{near}`? "),
        None => String::new(),
    };
    Some(format!(
        "`{{{field}}}` is unknown in a storage key; {guess}fields start with `parameters[..]`, {}",
        list(RUNS)
    ))
}

/// What is wrong with `{parameters..}`, of which `rest` is what follows the word.
fn parameter_problem(field: &str, rest: &str, parameters: &[Parameter]) -> Option<String> {
    if let Some((name, _)) = rest.strip_prefix('[').and_then(|name| name.split_once(']')) {
        return missing(name, parameters)
            .map(|instead| format!("`{{{field}}}` names no parameter; {instead}"));
    }
    let written = rest.split(['.', '[']).nth(1).filter(|name| !name.is_empty());
    let name = match (written, parameters) {
        (Some(name), _) => name,
        (None, [first, ..]) => &first.recorded,
        (None, []) => {
            return missing("", parameters)
                .map(|instead| format!("`{{{field}}}` names no parameter; {instead}"));
        }
    };
    Some(format!("`{{{field}}}` names no parameter: write `{{parameters[{name}]}}`"))
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn problems(template: &str) -> Vec<String> {
        let sig = syn::parse2(quote!(fn load(url: String, day: Day))).expect("a signature");
        let mut sink = Sink::default();
        let template = LitStr::new(template, proc_macro2::Span::call_site());
        check(&template, &crate::model::parameters(&sig), &mut sink);
        sink.messages()
    }

    #[test]
    fn parameters_and_runs_are_known() {
        for template in [
            "report.json",
            "{parameters[url]}/{parameters[day][year]}.json",
            "{flow_run.id}-{task_run.name}-{deployment.name} {{kept}}",
            "{flow_run.parameters[x]:>4}",
        ] {
            assert_eq!(problems(template), Vec::<String>::new(), "{template}");
        }
    }

    #[test]
    fn other_fields_are_reported_with_what_is_right() {
        for (template, right) in [
            ("{parameters[ulr]}", "did you mean `url`? parameters are: `url`, `day`"),
            ("{parameters.day.year}", "write `{parameters[day]}`"),
            ("{parameters[day}", "write `{parameters[day]}`"),
            ("{parameters}", "write `{parameters[url]}`"),
            ("{day.year}", "write `{parameters[day].year}`"),
            ("{flow_run}", "such as `{flow_run.id}`"),
            ("{task_run[id]}", "such as `{task_run.id}`"),
            ("{flowrun.id}", "did you mean `flow_run`?"),
            ("{x}", "fields start with `parameters[..]`, `flow_run`, `task_run`, `deployment`"),
            ("{}", "write `{parameters[x]}`"),
        ] {
            let found = problems(template);
            assert!(found.len() == 1 && found[0].contains(right), "{found:?}");
        }
    }
}
