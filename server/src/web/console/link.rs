//! Addresses of pages with parameters.

/// The address of `path` with those of the parameters that have a value.
pub(super) fn to<'a>(
    path: &str,
    params: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in params {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// The same for templates, which pass references.
pub(super) fn with(path: &str, params: &[(&str, &str)]) -> String {
    to(path, params.iter().map(|(name, value)| (*name, Some(*value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_has_the_parameters_that_have_a_value() {
        assert_eq!(to("/a", [("b", None), ("c", Some(""))]), "/a");
        assert_eq!(to("/a", [("b", Some("x&y=\"z")), ("c", Some("1"))]), "/a?b=x%26y%3D%22z&c=1");
    }
}
