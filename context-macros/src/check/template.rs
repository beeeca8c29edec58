//! The fields of a template: what stands between its braces.

/// The fields of a template, in order, as they are written but for formats (`:>10`, `!r`).
///
/// # Errors
///
/// What is wrong with the braces, with `right` as an example of a field.
pub(super) fn fields<'a>(template: &'a str, right: &str) -> Result<Vec<&'a str>, String> {
    let mut fields = Vec::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (brace, after) = rest[at..].split_at(1);
        if let Some(escaped) = after.strip_prefix(brace) {
            rest = escaped;
            continue;
        }
        if brace == "}" {
            return Err("`}` has no `{` before it; write `}}` for the character itself".to_owned());
        }
        let Some((field, after)) = after.split_once('}') else {
            return Err("`{` has no `}` behind it; write `{{` for the character itself".to_owned());
        };
        let field = field.split([':', '!']).next().unwrap_or_default().trim();
        if root(field).is_empty() {
            return Err(format!("`{{}}` names no parameter; write `{{{right}}}`"));
        }
        fields.push(field);
        rest = after;
    }
    Ok(fields)
}

/// What stands before, between and behind the fields of a template whose braces are right; doubled braces are single ones.
pub(super) fn between(template: &str) -> Vec<String> {
    let mut literals = vec![String::new()];
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, from) = rest.split_at(at);
        let (brace, after) = from.split_at(1);
        if let Some(literal) = literals.last_mut() {
            literal.push_str(before);
        }
        rest = match (after.strip_prefix(brace), after.split_once('}')) {
            (Some(escaped), _) => {
                if let Some(literal) = literals.last_mut() {
                    literal.push_str(brace);
                }
                escaped
            }
            (None, Some((_, after))) => {
                literals.push(String::new());
                after
            }
            (None, None) => after,
        };
    }
    if let Some(literal) = literals.last_mut() {
        literal.push_str(rest);
    }
    literals
}

/// What a field starts with: `user` of `user.name` and `user[name]`.
pub(super) fn root(field: &str) -> &str {
    field.split(['.', '[']).next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_escapes_are_not_fields() {
        let fields =
            fields("load {day} of {user.name} {rows[0]} {x:>4} {{kept}}", "x").expect("fields");
        assert_eq!(fields, ["day", "user.name", "rows[0]", "x"]);
        let roots: Vec<&str> = fields.into_iter().map(root).collect();
        assert_eq!(roots, ["day", "user", "rows", "x"]);
    }

    #[test]
    fn what_stands_between_fields() {
        assert_eq!(between("a{b}c{{d}}{e:>4}"), ["a", "c{d}", ""]);
        assert_eq!(between(""), [""]);
    }

    #[test]
    fn unbalanced_braces_are_reported() {
        for (template, problem) in [
            ("{day", "`{` has no `}` behind it"),
            ("day}", "`}` has no `{` before it"),
            ("{}", "write `{parameter}`"),
            ("{ .x}", "`{}` names no parameter"),
        ] {
            let found = fields(template, "parameter").expect_err(template);
            assert!(found.contains(problem), "{found}");
        }
    }
}
