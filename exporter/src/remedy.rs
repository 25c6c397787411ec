//! What to do about a difference that is too large.

/// What allows a larger difference, where something does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// Nothing.
    None,
    /// A larger `--atol`, up to [`ONE_LEVEL`](crate::verify::ONE_LEVEL).
    Atol,
    /// Weights of f32.
    Weights,
    /// Products of f32.
    Compute,
}

impl std::fmt::Display for Remedy {
    /// The end of an error, with what stands before it.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::None => "",
            Self::Atol => ": --atol allows more",
            Self::Weights => ": export with --weights f32",
            Self::Compute => ": export with --compute f32",
        })
    }
}
