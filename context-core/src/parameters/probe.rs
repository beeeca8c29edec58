//! Choosing how to record an argument by whether its type is `Serialize`, without asking the user
//! for a bound.
//!
//! Generated code wraps a reference to the argument in [`Probe`] and calls `add_to`. Method lookup
//! tries the receiver `&Probe` first, which has the method if the type is [`Serialize`], and falls
//! back to `Probe`, which always has it. The choice is made where the macro is expanded: inside a
//! generic function, by the bounds written there.

use serde::Serialize;

use super::ParameterSink;

/// A reference to one argument.
#[derive(Debug)]
pub struct Probe<'a, T: ?Sized>(pub &'a T);

/// The first choice: the value as JSON.
pub trait AddSerialized {
    /// Adds the argument to `sink`.
    fn add_to(&self, sink: &mut ParameterSink, name: &str);
}

impl<T: Serialize + ?Sized> AddSerialized for &Probe<'_, T> {
    fn add_to(&self, sink: &mut ParameterSink, name: &str) {
        sink.add_serialized(name, self.0);
    }
}

/// The second choice: the name of the type.
pub trait AddOpaque {
    /// Adds the argument to `sink`.
    fn add_to(&self, sink: &mut ParameterSink, name: &str);
}

impl<T: ?Sized> AddOpaque for Probe<'_, T> {
    fn add_to(&self, sink: &mut ParameterSink, name: &str) {
        sink.add_opaque::<T>(name);
    }
}

/// `__parameter!(sink, "name", place)` adds one argument to a [`ParameterSink`] (or a mutable
/// reference to one) without moving it.
#[macro_export]
#[doc(hidden)]
macro_rules! __parameter {
    ($sink:ident, $name:literal, $value:expr $(,)?) => {{
        #[allow(unused_imports, reason = "only one of the two is chosen")]
        use $crate::parameters::probe::{AddOpaque as _, AddSerialized as _};
        (&&$crate::parameters::probe::Probe(&$value)).add_to($sink.by_ref(), $name)
    }};
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Display;

    struct Plain;

    #[derive(Serialize)]
    struct Row {
        id: u32,
    }

    fn json(sink: ParameterSink) -> String {
        sink.finish().as_json().to_owned()
    }

    #[test]
    fn serializable_arguments_are_values() {
        let mut sink = ParameterSink::new(1_000);
        let row = &mut Row { id: 1 };
        let text: &str = "t";
        let bytes: &[u8] = &[1, 2];
        __parameter!(sink, "row", row);
        __parameter!(sink, "text", text);
        __parameter!(sink, "bytes", bytes);
        __parameter!(sink, "unsized", *text);
        __parameter!(sink, "rows", [Row { id: 2 }]);
        row.id += 1;
        let expected =
            r#"{"row":{"id":1},"text":"t","bytes":[1,2],"unsized":"t","rows":[{"id":2}]}"#;
        assert_eq!(json(sink), expected);
    }

    #[test]
    fn other_arguments_are_type_names() {
        let mut sink = ParameterSink::new(1_000);
        let shown: &dyn Display = &1;
        let plain = &mut Plain;
        __parameter!(sink, "plain", Plain);
        __parameter!(sink, "borrowed", plain);
        __parameter!(sink, "dynamic", shown);
        __parameter!(sink, "unsized", *shown);
        __parameter!(sink, "option", Some(Plain));
        let expected = r#"{"plain":"<Plain>","borrowed":"<Plain>","dynamic":"<dyn Display>","unsized":"<dyn Display>","option":"<Option<Plain>>"}"#;
        assert_eq!(json(sink), expected);
    }

    #[test]
    fn generic_functions_decide_by_their_bounds() {
        fn bounded<T: Serialize>(sink: &mut ParameterSink, value: T) {
            __parameter!(sink, "bounded", value);
        }
        fn unbounded<T>(sink: &mut ParameterSink, value: &T, list: Vec<T>) {
            __parameter!(sink, "one", value);
            __parameter!(sink, "list", list);
        }
        fn some_fn(sink: &mut ParameterSink, call: impl Fn(i32) -> i32) -> i32 {
            __parameter!(sink, "call", call);
            call(1)
        }
        let mut sink = ParameterSink::new(1_000);
        bounded(&mut sink, 1);
        unbounded(&mut sink, &2, vec![3]);
        assert_eq!(some_fn(&mut sink, i32::abs), 1);
        let text = json(sink);
        assert!(
            text.starts_with(r#"{"bounded":1,"one":"<i32>","list":"<Vec<i32>>","call":"<"#),
            "{text}"
        );
    }
}
