//! Which text format a client asks for.

use prometheus_client::encoding::prometheus_text;

/// A text format for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// The text format of Prometheus, version 0.0.4.
    Prometheus,
    /// OpenMetrics, version 1.0.0.
    OpenMetrics,
}

impl Format {
    /// The format that an `Accept` header prefers. Without a preference, it is the one that every
    /// client understands.
    pub fn accepted(accept: &str) -> Self {
        let (mut open_metrics, mut plain) = (0.0, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<(&str, &str)> =
                parts.filter_map(|part| part.split_once('=')).collect();
            let parameter = |name: &str| {
                let mut all = parameters.iter();
                all.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
            };
            let quality = parameter("q").and_then(|q| q.parse().ok()).unwrap_or(1.0);
            let is_known = parameter("version").is_none_or(|it| matches!(it, "1.0.0" | "0.0.1"));
            match media_type.as_str() {
                "application/openmetrics-text" if is_known => {
                    open_metrics = f32::max(open_metrics, quality);
                }
                "text/plain" | "text/*" => plain = f32::max(plain, quality),
                _ => {}
            }
        }
        if open_metrics > 0.0 && open_metrics >= plain {
            Self::OpenMetrics
        } else {
            Self::Prometheus
        }
    }

    /// The value of the `Content-Type` header.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Prometheus => prometheus_text::CONTENT_TYPE,
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preferred_format_is_chosen() {
        let (prometheus, open) = (Format::Prometheus, Format::OpenMetrics);
        for (accept, format) in [
            ("", prometheus),
            ("*/*", prometheus),
            ("text/html, application/json", prometheus),
            ("application/openmetrics-text", open),
            ("Application/OpenMetrics-Text; Version=1.0.0", open),
            ("application/openmetrics-text;q=0", prometheus),
            ("application/openmetrics-text;version=2.0.0,text/plain;q=0.1", prometheus),
            ("text/plain;version=0.0.4;q=0.6,application/openmetrics-text;q=0.4", prometheus),
            // What Prometheus 2 sends.
            (
                "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
                 version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
                open,
            ),
            (";;=,=;q,", prometheus),
        ] {
            assert_eq!(Format::accepted(accept), format, "{accept}");
        }
    }
}
