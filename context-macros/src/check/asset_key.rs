//! Templates of asset keys: every `{field}` starts with the name of a parameter, and what stands around the fields can be
//! part of a key.
//!
//! What the fields give is core's: it depends on values.

use syn::LitStr;

use super::run_name;
use super::template::{between, fields};
use crate::diagnostics::Sink;
use crate::model::{Parameter, asset_key_problem};

/// Checks a template against the parameters it may name.
pub(crate) fn check(template: &LitStr, parameters: &[Parameter], sink: &mut Sink) {
    run_name::check(template, parameters, sink);
    let text = template.value();
    if fields(&text, "parameter").is_err() {
        return;
    }
    // The shortest key that could come of it: what is wrong with that is wrong with all.
    let literals = between(&text);
    let scheme_is_written = literals.first().is_some_and(|first| first.contains("://"));
    let scheme = if scheme_is_written { "" } else { "x://" };
    let least = format!("{scheme}{}", literals.concat());
    if let Some(problem) = asset_key_problem(&least) {
        sink.at(template, problem);
    }
}

#[cfg(test)]
mod tests {
    use quote::quote;

    use super::*;

    fn problems(template: &str) -> Vec<String> {
        let sig = syn::parse2(quote!(fn save(bucket: String, day: Day))).expect("a signature");
        let mut sink = Sink::default();
        let template = LitStr::new(template, proc_macro2::Span::call_site());
        check(&template, &crate::model::parameters(&sig), &mut sink);
        sink.messages()
    }

    #[test]
    fn fields_are_parameters_and_may_be_the_scheme() {
        for template in ["s3://{bucket}/{day.year}/rows", "{bucket}/rows", "{bucket}://{day}"] {
            assert_eq!(problems(template), Vec::<String>::new(), "{template}");
        }
    }

    #[test]
    fn what_no_parameter_mends_is_reported() {
        for (template, right) in [
            ("s3://{dya}/rows", "did you mean `day`? parameters are: `bucket`, `day`"),
            ("s3://lake/{day", "`{` has no `}` behind it"),
            ("s3://my lake/{day}", "contains ' '"),
            ("{bucket}/my lake", "contains ' '"),
            ("S3://lake/{day}", "has the scheme `S3`"),
            ("s3://{{day}}", "contains '{'"),
        ] {
            let found = problems(template);
            assert!(found.len() == 1 && found[0].contains(right), "{template}: {found:?}");
        }
        assert!(problems(&format!("s3://{}{{day}}", "k".repeat(508)))[0].contains("513"));
    }
}
