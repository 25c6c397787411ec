//! The page to play with: four files, built in, that load nothing from elsewhere.

use super::route::Route;

/// What the page may do: nothing but talk to this server and show pictures that it made from the answers.
pub(super) const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src 'self' blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Media type and text of a file of the page.
pub(super) fn file(route: Route) -> Option<(&'static str, &'static str)> {
    match route {
        Route::Page => Some(("text/html; charset=utf-8", include_str!("page/index.html"))),
        Route::Style => Some(("text/css; charset=utf-8", include_str!("page/page.css"))),
        Route::Script => Some(("text/javascript; charset=utf-8", include_str!("page/page.js"))),
        Route::Icon => Some(("image/svg+xml", include_str!("page/icon.svg"))),
        _ => None,
    }
}
