//! Tables as the server keeps them: a text with JSON in it.

use std::fmt;

use serde::Serialize;
use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::ArtifactError;

/// `table` as JSON, if it has the form of a table. The order of columns is that of the fields.
pub(super) fn encode(table: &impl Serialize) -> Result<String, ArtifactError> {
    let not_a_table = |err: serde_json::Error| {
        // Where in the text it is, the caller cannot see.
        let text = err.to_string();
        let found = text.split(" at line ").next().unwrap_or(&text).to_owned();
        ArtifactError::NotATable { found }
    };
    // Numbers that are not finite become null.
    let text = serde_json::to_string(table).map_err(not_a_table)?;
    serde_json::from_str::<Table>(&text).map_err(not_a_table)?;
    Ok(text)
}

/// Rows or columns.
struct Table;

impl<'de> Deserialize<'de> for Table {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TableVisitor)
    }
}

struct TableVisitor;

impl<'de> Visitor<'de> for TableVisitor {
    type Value = Table;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a map")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<Table, A::Error> {
        let mut row = 1;
        while rows.next_element::<Row>().map_err(|err| in_place("row", row, &err))?.is_some() {
            row += 1;
        }
        Ok(Table)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut columns: A) -> Result<Table, A::Error> {
        while let Some(name) = columns.next_key::<String>()? {
            let column = columns.next_value::<Vec<IgnoredAny>>();
            drop(column.map_err(|err| in_place("column", name, &err))?);
        }
        Ok(Table)
    }
}

fn in_place<E: Error>(what: &str, which: impl fmt::Display, error: &E) -> E {
    E::custom(format_args!("{what} {which} is not: {error}"))
}

/// A row: a map or a list.
struct Row;

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RowVisitor)
    }
}

struct RowVisitor;

impl<'de> Visitor<'de> for RowVisitor {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a struct, a map or a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut cells: A) -> Result<Row, A::Error> {
        while cells.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Row)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut cells: A) -> Result<Row, A::Error> {
        while cells.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Row)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[derive(Serialize)]
    struct Line {
        name: &'static str,
        age: u32,
        grade: f64,
    }

    #[test]
    fn columns_stay_in_order_and_what_is_not_finite_is_nothing() {
        let rows = [
            Line { name: "ann", age: 3, grade: f64::NAN },
            Line { name: "bob", age: 4, grade: f64::INFINITY },
        ];
        assert_eq!(
            encode(&rows).unwrap(),
            r#"[{"name":"ann","age":3,"grade":null},{"name":"bob","age":4,"grade":null}]"#
        );
    }

    #[test]
    fn rows_may_be_lists_and_a_table_may_be_columns() {
        assert_eq!(encode(&vec![vec![1, 2], vec![3]]).unwrap(), "[[1,2],[3]]");
        assert_eq!(encode(&[("ann", 3)]).unwrap(), r#"[["ann",3]]"#);
        let columns = BTreeMap::from([("b", vec![1, 2]), ("a", vec![3])]);
        assert_eq!(encode(&columns).unwrap(), r#"{"a":[3],"b":[1,2]}"#);
        assert_eq!(encode(&Vec::<Line>::new()).unwrap(), "[]");
    }

    #[test]
    fn what_is_no_table_is_an_error_that_says_where() {
        let found = |table: Result<String, ArtifactError>| match table {
            Err(ArtifactError::NotATable { found }) => found,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            found(encode(&"text")),
            r#"invalid type: string "text", expected a list or a map"#
        );
        assert_eq!(
            found(encode(&(vec![1], 7))),
            "row 2 is not: invalid type: integer `7`, expected a struct, a map or a list"
        );
        assert_eq!(
            found(encode(&BTreeMap::from([("a", 1)]))),
            "column a is not: invalid type: integer `1`, expected a sequence"
        );
        assert_eq!(found(encode(&BTreeMap::from([(vec![1], 1)]))), "key must be a string");
    }
}
