//! Type names as people write them: without the paths.

use std::any::type_name;
use std::fmt;

/// The name of a type with the last segment of each path: `Vec<Option<Row>>`. References are
/// looked through, so an argument is named alike whether it is borrowed or not.
pub(super) struct ShortTypeName(&'static str);

impl ShortTypeName {
    pub(super) fn of<T: ?Sized>() -> Self {
        let mut name = type_name::<T>();
        while let Some(target) = name.strip_prefix('&') {
            name = target.strip_prefix("mut ").unwrap_or(target);
        }
        Self(name)
    }
}

impl fmt::Display for ShortTypeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while !rest.is_empty() {
            let is_path = |c: char| c.is_alphanumeric() || matches!(c, '_' | ':');
            let path_end = rest.find(|c| !is_path(c)).unwrap_or(rest.len());
            let (path, after) = rest.split_at(path_end);
            f.write_str(path.rsplit("::").next().unwrap_or(path))?;
            let other_end = after.find(is_path).unwrap_or(after.len());
            let (other, next) = after.split_at(other_end);
            f.write_str(other)?;
            rest = next;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    fn short<T: ?Sized>() -> String {
        ShortTypeName::of::<T>().to_string()
    }

    #[test]
    fn paths_are_shortened_everywhere() {
        struct Row;
        assert_eq!(short::<Row>(), "Row");
        assert_eq!(short::<&mut &str>(), "str");
        assert_eq!(short::<Vec<Option<Row>>>(), "Vec<Option<Row>>");
        assert_eq!(short::<HashMap<String, [u8; 4]>>(), "HashMap<String, [u8; 4]>");
        assert_eq!(
            short::<Box<dyn Fn(&str) -> std::io::Result<()> + Send>>().split('(').next(),
            Some("Box<dyn Fn")
        );
        assert_eq!(short::<[(i32, fmt::Error)]>(), "[(i32, Error)]");
        let closure = || ();
        fn of_value<T>(_: &T) -> String {
            short::<T>()
        }
        assert_eq!(of_value(&closure), "{{closure}}");
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_handled(text in "\\PC{0,30}") {
            let leaked: &'static str = Box::leak(text.into_boxed_str());
            let shown = ShortTypeName(leaked).to_string();
            proptest::prop_assert!(shown.len() <= leaked.len());
        }
    }
}
