//! The routes: which paths there are.

/// What every route answers to.
pub(super) const METHODS: &str = "GET, HEAD";

/// Something that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Page,
    Style,
    Script,
    Icon,
    OpenApi,
    Health,
    Labels,
    Generate,
    Interpolate,
    Metrics,
}

/// Every route with its path. Nothing else is a path, and none names a file.
pub(super) const ROUTES: [(&str, Route); 10] = [
    ("/", Route::Page),
    ("/page.css", Route::Style),
    ("/page.js", Route::Script),
    ("/icon.svg", Route::Icon),
    ("/openapi.json", Route::OpenApi),
    ("/v1/health", Route::Health),
    ("/v1/labels", Route::Labels),
    ("/v1/generate", Route::Generate),
    ("/v1/interpolate", Route::Interpolate),
    ("/metrics", Route::Metrics),
];

/// The route of a path, and the path as a name for counting.
pub(super) fn of(path: &str) -> Option<(&'static str, Route)> {
    ROUTES.into_iter().find(|(known, _)| *known == path)
}

impl Route {
    /// Whether it needs the token, where there is one. What is left open tells no name of a label.
    pub fn is_protected(self) -> bool {
        matches!(self, Self::Labels | Self::Generate | Self::Interpolate | Self::Metrics)
    }
}
