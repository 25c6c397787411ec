//! Everything that is done with bytes from outside, for any bytes; the fuzz targets run the same.

use edge_runtime::json_request::{JsonRequest, next_line};
use edge_runtime::provenance::Provenance;
use edge_runtime::{Batch, EngineKind, EngineSpec, Model, RuntimeError, decode, engine, golden, verification};
use model_spec::Labels;

/// Reads a model and all that its metadata holds.
pub fn model(bytes: &[u8]) -> Option<Model> {
    let model = Model::from_bytes(bytes.to_vec()).ok()?;
    let _ = golden::pictures(model.metadata());
    let _ = verification::golden_cases(model.metadata());
    Some(model)
}

/// Makes a picture with an engine. That may fail, but in no other way than as a model that this engine can't run, and
/// with no numbers that are none.
pub fn picture(kind: EngineKind, model: &Model) {
    let spec = EngineSpec { kind, threads: Some(1), ..EngineSpec::default() };
    let latents = vec![0.25; model.metadata().architecture.latent_dim];
    let ran = engine::open(&spec, model).and_then(|mut opened| opened.engine.run(&Batch::new(&latents, &[0])));
    match ran {
        Ok(pictures) => assert!(pictures.iter().all(|value| value.is_finite()), "{kind:?}"),
        Err(RuntimeError::Engine { .. } | RuntimeError::Unsupported { .. }) => {}
        Err(error) => panic!("{kind:?}: {error}"),
    }
}

/// Reads a PNG, and from its texts what it was made from and by which engine; tells whether it says so.
pub fn provenance(bytes: &[u8]) -> bool {
    let texts = decode::png(bytes).map(|decoded| decoded.texts);
    let made_from = texts.and_then(|texts| Provenance::from_texts(&texts));
    made_from.is_ok_and(|made_from| made_from.spec(EngineSpec::default()).is_ok())
}

/// Reads JSON requests to the end; tells how many could be followed.
pub fn requests(mut input: &[u8], labels: &Labels) -> usize {
    let mut followed = 0;
    while let Some(line) = next_line(&mut input).expect("memory is always readable") {
        match line.and_then(|line| JsonRequest::parse(&line, labels)) {
            Ok(Some(request)) => {
                assert!(request.label < labels.len(), "{request:?}");
                followed += 1;
            }
            Ok(None) => {}
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    followed
}
