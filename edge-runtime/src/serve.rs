//! `edge-runtime serve`: pictures over HTTP, and a page to play with.

/// Refuses, since nothing of it is built in.
#[cfg(not(feature = "serve"))]
pub fn run(_options: &crate::cli::Serve) -> anyhow::Result<()> {
    Err(edge_runtime::RuntimeError::BuiltWithout("serve").into())
}

#[cfg(feature = "serve")]
pub use with_http::run;

#[cfg(feature = "serve")]
mod with_http {
    use std::fs::File;
    use std::io::Read;
    use std::time::Duration;

    use anyhow::{Context, Result};
    use edge_runtime::http::{Access, Server, Settings, Token};
    use edge_runtime::output;

    use crate::cli::Serve;
    use crate::interrupt;
    use crate::setup::{self, usage};

    /// Where a token may stand beside the command line, which other users of a machine can read.
    const TOKEN_VARIABLE: &str = "EDGE_RUNTIME_TOKEN";
    /// More than the longest token.
    const MAX_TOKEN_FILE: u64 = 4096;
    const MB: usize = 1_000_000;

    /// Runs the command until it is asked to end, which is success.
    pub fn run(options: &Serve) -> Result<()> {
        let token = token(options)?;
        if options.public && token.is_some() {
            return Err(usage(format!(
                "--public lets everyone in, without the token of {TOKEN_VARIABLE}: leave out one of them"
            )));
        }
        if !options.listen.ip().is_loopback() && token.is_none() && !options.public {
            return Err(usage(format!(
                "--listen {}: other machines reach this address: give --token-file, or --public to let everyone in",
                options.listen
            )));
        }
        let hosts: Result<Vec<String>, _> = options.host.iter().map(|host| Access::host(host)).collect();
        let hosts = hosts.map_err(|error| usage(format!("--host: {error}")))?;
        let settings = Settings {
            listen: options.listen,
            access: Access { token, hosts },
            queue: options.queue,
            cache_bytes: options.cache * MB,
            timeout: Duration::from_secs(options.timeout as u64),
        };
        let quiet = options.engine.quiet;
        let model = setup::model(&options.engine)?;
        let server = Server::bind(settings, setup::generator(model, &options.engine)?)?;
        let stop = server.stop();
        interrupt::when_asked(move || stop.stop());
        output::print(&format!("http://{}/\n", server.address()))?;
        if !quiet {
            output::tell(format_args!("Ctrl-C ends"));
        }
        server.run()?;
        if !quiet {
            output::tell(format_args!("ended"));
        }
        Ok(())
    }

    /// The token of a file or the environment.
    fn token(options: &Serve) -> Result<Option<Token>> {
        let (text, place) = if let Some(path) = &options.token_file {
            let mut text = String::new();
            let read = File::open(path).and_then(|file| file.take(MAX_TOKEN_FILE).read_to_string(&mut text));
            read.with_context(|| format!("read --token-file {}", path.display()))?;
            (text, path.display().to_string())
        } else if let Some(text) = std::env::var_os(TOKEN_VARIABLE).filter(|text| !text.is_empty()) {
            let text = text.into_string().map_err(|_| usage(format!("{TOKEN_VARIABLE}: expected text in UTF-8")))?;
            (text, TOKEN_VARIABLE.to_owned())
        } else {
            return Ok(None);
        };
        Token::new(text.trim()).map(Some).map_err(|error| usage(format!("{place}: {error}")))
    }
}
