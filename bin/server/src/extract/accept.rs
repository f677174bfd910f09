//! `Accept` (RFC 9110 §12.5.1), as far as one media type is concerned.

/// Whether an `Accept` header names `media_type` with a quality above nought. Ranges with a star do not name it.
pub fn names(accept: &str, media_type: &str) -> bool {
    let named = |range: &str| {
        let mut parts = range.split(';').map(str::trim);
        let is_it = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(media_type));
        let refused = parts.any(|part| matches!(part, "q=0" | "q=0.0" | "q=0.00" | "q=0.000"));
        is_it && !refused
    };
    accept.split(',').any(named)
}
