//! report.html: the scores, the curves and the pictures of a run on one page, with nothing from the network.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use tch::Tensor;

use super::classifier::OnDevice;
use super::meter::Fakes;
use super::scores::{Evaluation, Scores};
use crate::dataset::places_by_label;
use crate::error::{IoContext, TrainError};
use crate::samples::{self, COLUMNS, MOST_ROWS, picked};
use crate::sheet::{self, Sheet};

/// File name of the page.
pub const REPORT: &str = "report.html";
/// File name of the sheet of fakes over their nearest training pictures.
pub const NEIGHBORS: &str = "neighbors.png";
/// Pictures of the run folder that go onto the page, where they exist.
const RUN_PICTURES: [(&str, &str); 4] = [
    ("kid.png", "Distance over the run"),
    ("quality.png", "Quality over the run"),
    ("losses.png", "Losses"),
    ("interpolation.png", "A walk between two latents, a row a label"),
];

/// What the page shows.
#[derive(Debug)]
pub struct Page<'a> {
    /// What was measured.
    pub evaluation: &'a Evaluation,
    /// Of these.
    pub fakes: &'a Fakes,
    /// Against these.
    pub pictures: &'a OnDevice<'a>,
    /// Where the fakes come from.
    pub source: &'a str,
    /// The run folder whose curves are shown too.
    pub run: Option<&'a Path>,
}

/// Writes the page and the sheet of neighbors into `folder`; returns the page's path.
///
/// # Errors
/// The folder can't be written.
pub fn write(folder: &Path, page: &Page<'_>) -> Result<PathBuf, TrainError> {
    std::fs::create_dir_all(folder).during("create", folder)?;
    let neighbors = neighbors(page);
    crate::atomic::write(&folder.join(NEIGHBORS), &neighbors.png)?;
    let path = folder.join(REPORT);
    crate::atomic::write(&path, html(page, &neighbors).as_bytes())?;
    Ok(path)
}

/// For each label the fakes that come nearest to a training picture, each over that picture.
fn neighbors(page: &Page<'_>) -> Sheet {
    let memory = &page.evaluation.memorisation;
    let rows: Vec<Tensor> = places_by_label(&page.fakes.label_of, page.evaluation.labels.len())
        .into_iter()
        .take(MOST_ROWS)
        .flat_map(|mut fakes| {
            let distance = |place: &i64| memory.distances[*place as usize];
            fakes.sort_by(|left, right| distance(left).total_cmp(&distance(right)));
            fakes.truncate(COLUMNS as usize);
            let reals: Vec<i64> = fakes.iter().map(|place| memory.nearest[*place as usize]).collect();
            [picked(&page.fakes.images, &fakes), picked(page.pictures.images, &reals)]
        })
        .collect();
    sheet::draw(&Tensor::cat(&rows, 0), COLUMNS)
}

fn html(page: &Page<'_>, neighbors: &Sheet) -> String {
    let evaluation = page.evaluation;
    let mut text = String::from(HEAD);
    let _ = write!(text, "<h1>{}</h1>", escaped(page.source));
    let _ = write!(
        text,
        "<p>{} generated pictures against as many real ones of <b>{}</b> ({} pictures). In brackets the floor: what other \
         real pictures score in their place. Features: network <code>{}</code>; its classifier labels {:.1}&nbsp;% of \
         held-out real pictures right.</p>",
        evaluation.samples,
        escaped(&page.pictures.data.name),
        page.pictures.data.label_of.len(),
        evaluation.short_features(),
        evaluation.classifier_accuracy * 100.0
    );
    score_table(&mut text, evaluation);
    if let Some(clips) = &evaluation.new_clips {
        let _ = write!(
            text,
            "<p class=note>The floor is other frames of the same clips. Real pictures of whole clips that were left out, \
             against as many of the rest: {}.</p>",
            clips.text()
        );
    }
    confusion_table(&mut text, evaluation);
    let _ = write!(
        text,
        "<h2>Nearest training pictures</h2><p>For each label the generated pictures that come nearest to a training \
         picture, each over that picture. In the median a generated picture is {:.2} times as far from its nearest \
         training picture as {} is; what is near 0 are copies.</p>",
        evaluation.memorisation.ratio,
        evaluation.held_out.picture()
    );
    figure(&mut text, &neighbors.png, "generated over nearest real");
    let _ = write!(text, "<h2>Generated</h2>");
    figure(&mut text, &generated(page).png, "generated, a row a label");
    let _ = write!(text, "<h2>Real</h2>");
    let data = page.pictures.data;
    figure(&mut text, &samples::reals(page.pictures.images, &data.label_of, &data.labels).png, "real, a row a label");
    for (name, title) in RUN_PICTURES {
        if let Some(Ok(png)) = page.run.map(|run| std::fs::read(run.join(name))) {
            let _ = write!(text, "<h2>{title}</h2>");
            figure(&mut text, &png, title);
        }
    }
    text.push_str("</main></html>\n");
    text
}

fn generated(page: &Page<'_>) -> Sheet {
    let by_label = places_by_label(&page.fakes.label_of, page.evaluation.labels.len());
    let places: Vec<i64> =
        by_label.into_iter().take(MOST_ROWS).flat_map(|fakes| fakes.into_iter().take(COLUMNS as usize)).collect();
    samples::draw_pictures(&page.fakes.images, &places, COLUMNS)
}

fn score_table(text: &mut String, evaluation: &Evaluation) {
    text.push_str(
        "<table><tr><th></th><th>samples</th><th>KID&nbsp;×&nbsp;1000</th><th>Fréchet</th><th>precision</th><th>recall</th>\
         <th>density</th><th>coverage</th><th>label accuracy</th><th>diversity</th></tr>",
    );
    let mut row = |name: &str, samples: usize, fakes: &Scores, floor: &Scores, accuracy: f64, diversity: f64| {
        let _ = write!(text, "<tr><th>{}</th><td>{samples}</td>", escaped(name));
        let _ = write!(
            text,
            "<td>{:.1} ± {:.1} <i>({:.1})</i></td>",
            fakes.kid * 1e3,
            fakes.kid_spread * 1e3,
            floor.kid * 1e3
        );
        let others = fakes.named().into_iter().zip(floor.named()).skip(1);
        for (((_, value), (_, floor)), digits) in others.zip([1, 2, 2, 2, 2]) {
            let _ = write!(text, "<td>{value:.digits$} <i>({floor:.digits$})</i></td>");
        }
        let _ = write!(text, "<td>{:.1} %</td><td>{diversity:.2}</td></tr>", accuracy * 100.0);
    };
    let all = evaluation;
    row("all", all.samples, &all.fakes, &all.floor, all.accuracy, all.least_diversity());
    for label in &evaluation.labels {
        row(&label.label, label.samples, &label.fakes, &label.floor, label.accuracy, label.diversity);
    }
    text.push_str(
        "</table><p class=note>KID (± its spread over random halves) and Fréchet: distance to the real pictures, 0 at best. Precision: share of generated \
         pictures as near to a real one as its own neighbors; recall and coverage: share of real pictures with a generated one near. Diversity: mean \
         distance of two generated pictures of a label over that of two real ones; the row of all has the least.</p>",
    );
}

fn confusion_table(text: &mut String, evaluation: &Evaluation) {
    text.push_str("<h2>Labels</h2><table><tr><th>asked for \\ seen</th>");
    for label in &evaluation.labels {
        let _ = write!(text, "<th>{}</th>", escaped(&label.label));
    }
    for (label, counts) in evaluation.labels.iter().zip(&evaluation.confusion) {
        let _ = write!(text, "</tr><tr><th>{}</th>", escaped(&label.label));
        counts.iter().for_each(|count| {
            let _ = write!(text, "<td>{count}</td>");
        });
    }
    text.push_str("</tr></table>");
}

fn figure(text: &mut String, png: &[u8], title: &str) {
    let data = STANDARD.encode(png);
    let _ = write!(text, "<img alt=\"{}\" src=\"data:image/png;base64,{data}\">", escaped(title));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

const HEAD: &str = "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
<title>Quality report</title><style>\
body{font:16px/1.5 system-ui,sans-serif;color:#222;background:#fff;margin:0}main{max-width:1360px;margin:auto;padding:1.5em}\
h1{font-size:1.2em;overflow-wrap:anywhere}h2{font-size:1.05em;margin-top:2em}img{max-width:100%;display:block}\
table{border-collapse:collapse;font-variant-numeric:tabular-nums}th,td{padding:.25em .7em;text-align:right;\
border-bottom:1px solid #ddd}th:first-child{text-align:left}i{color:#777;font-style:normal}.note{color:#555;font-size:.9em}\
</style><main>";
