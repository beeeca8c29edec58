//! What becomes of a row of the [table](super::table): a field, an entry, and methods.

macro_rules! settings {
    ($(
        #[doc = $doc:literal] $(#[doc = $more:literal])*
        $field:ident: $kind:ty = $default:expr, $variable:literal $(| $alias:literal)*, $path:literal,
        $methods:ident ($($with:tt)*);
    )*) => {
        /// One field for each setting.
        #[derive(Clone, Debug, PartialEq)]
        pub(super) struct Values {
            $(pub(super) $field: $kind,)*
        }

        impl Default for Values {
            fn default() -> Self {
                Self { $($field: $default,)* }
            }
        }

        /// The place of a setting in the table.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[expect(non_camel_case_types, reason = "one for each field")]
        pub(super) enum Key {
            $($field,)*
        }

        /// All settings, in the order in which they are shown.
        pub(super) static TABLE: &[Row] = &[$(Row {
            key: Key::$field,
            variable: $variable,
            aliases: &[$($alias),*],
            path: $path,
            doc: concat!($doc $(, "\n", $more)*),
            allowed: <$kind as Setting>::ALLOWED,
            shape: <$kind as Setting>::SHAPE,
            is_secret: <$kind as Setting>::SECRET,
            set: |values, text| {
                let value = <$kind as Setting>::parse(text);
                value.map(|value| values.$field = value).is_some()
            },
            copy: |values, other| values.$field = other.$field.clone(),
            text: |values| values.$field.text(),
            json: |values, secrets| values.$field.json(secrets),
            masked: <$kind as Setting>::masked,
        }),*];

        /// How many settings there are.
        pub(super) const COUNT: usize = [$(Key::$field),*].len();

        $(methods! {
            $methods($($with)*), $field, $kind,
            [
                #[doc = $doc] $(#[doc = $more])*
                #[doc = concat!("\n\nVariable: `", $variable, "`" $(, ", older `", $alias, "`")*, ".")]
            ],
            [#[doc = concat!(" A copy with another [`", stringify!($field), "`](Self::", stringify!($field), ").")]]
        })*
    };
}

/// The methods of one setting.
macro_rules! methods {
    (copied($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> $kind {
                self.values().$field
            }

            $($with_doc)*
            #[must_use]
            pub fn $with(&self, value: $kind) -> Self {
                self.change(Key::$field, |values| values.$field = value)
            }
        }
    };
    (count($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> usize {
                self.values().$field.get()
            }

            $($with_doc)*
            #[must_use]
            pub fn $with(&self, count: NonZeroUsize) -> Self {
                self.change(Key::$field, |values| values.$field = count)
            }
        }
    };
    (optional_count($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> Option<usize> {
                self.values().$field.map(NonZeroUsize::get)
            }

            $($with_doc)*
            #[must_use]
            pub fn $with(&self, count: Option<NonZeroUsize>) -> Self {
                self.change(Key::$field, |values| values.$field = count)
            }
        }
    };
    (seconds($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> Duration {
                self.values().$field.0
            }

            $($with_doc)*
            ///
            /// # Errors
            ///
            /// Returns an error if the time may not be as short as that.
            pub fn $with(&self, value: Duration) -> Result<Self, SettingsError> {
                self.with(TABLE[Key::$field as usize].variable, value)
            }
        }
    };
    (text($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> Option<&str> {
                self.values().$field.as_ref().map(|text| text.0.as_str())
            }

            $($with_doc)*
            #[must_use]
            pub fn $with(&self, value: Option<&str>) -> Self {
                self.change(Key::$field, |values| values.$field = value.map(|text| Text(text.to_owned())))
            }
        }
    };
    (url($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> Option<&str> {
                self.values().$field.as_ref().map(|url| url.0.as_str())
            }

            $($with_doc)*
            ///
            /// # Errors
            ///
            /// Returns an error if the address is not one of HTTP.
            pub fn $with(&self, url: Option<&str>) -> Result<Self, SettingsError> {
                match url {
                    Some(url) => self.with(TABLE[Key::$field as usize].variable, url),
                    None => Ok(self.change(Key::$field, |values| values.$field = None)),
                }
            }
        }
    };
    (secret($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> Option<&Secret<String>> {
                self.values().$field.as_ref()
            }

            $($with_doc)*
            #[must_use]
            pub fn $with(&self, value: Option<Secret<String>>) -> Self {
                self.change(Key::$field, |values| values.$field = value)
            }
        }
    };
    (path($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> &Path {
                &self.values().$field.0
            }

            $($with_doc)*
            /// `None` is the default.
            #[must_use]
            pub fn $with(&self, path: Option<PathBuf>) -> Self {
                self.change(Key::$field, |values| values.$field = Location(path.unwrap_or_default()))
            }
        }
    };
    (delays($with:ident), $field:ident, $kind:ty, [$($doc:tt)*], [$($with_doc:tt)*]) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> &[Duration] {
                self.values().$field.get()
            }

            $($with_doc)*
            /// An empty list means no delay.
            #[must_use]
            pub fn $with(&self, delays: impl IntoIterator<Item = Duration>) -> Self {
                self.change(Key::$field, |values| values.$field = Delays::new(delays))
            }
        }
    };
    (shown($type:ty, |$values:ident| $shown:expr), $field:ident, $kind:ty, [$($doc:tt)*], $with_doc:tt) => {
        impl Settings {
            $($doc)*
            pub fn $field(&self) -> $type {
                let $values = self.values();
                $shown
            }
        }
    };
}

pub(super) use {methods, settings};
