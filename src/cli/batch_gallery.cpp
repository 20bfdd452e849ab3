#include "cli/batch_gallery.h"

#include "physics_eval/html_report.h"

namespace orrery {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>)";

constexpr const char* kStyle = R"(</title>
<style>
:root { color-scheme: light dark; --ground: #f6f6f4; --card: #fff; --ink: #1d1f23; --soft: #666b73; --line: #d9dadd; --mark: #2a66c8; }
@media (prefers-color-scheme: dark) { :root { --ground: #17191d; --card: #202329; --ink: #e7e8ea; --soft: #9aa0a9; --line: #353941; --mark: #7fb0ff; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.45 system-ui, sans-serif; }
header { position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .6rem 1rem; align-items: center; padding: .8rem 1.2rem; background: var(--card); border-bottom: 1px solid var(--line); }
h1 { font-size: 1.1rem; margin: 0 .4rem 0 0; }
input, select { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 6px; padding: .35rem .6rem; }
#words { flex: 1 1 16rem; min-width: 10rem; }
#least { width: 5.5rem; }
label { color: var(--soft); display: flex; gap: .4rem; align-items: center; }
#count { color: var(--soft); margin-left: auto; }
main { display: grid; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)); gap: 1rem; padding: 1.2rem; }
article { background: var(--card); border: 1px solid var(--line); border-radius: 10px; overflow: hidden; display: flex; flex-direction: column; }
video, article img { width: 100%; aspect-ratio: 5 / 3; object-fit: contain; background: #000; display: block; }
.text { padding: .6rem .8rem .8rem; display: flex; flex-direction: column; gap: .35rem; overflow-wrap: anywhere; }
.prompt { font-weight: 600; }
.facts { color: var(--soft); font-size: .87rem; display: flex; flex-wrap: wrap; gap: .1rem .8rem; }
.score { color: var(--mark); font-weight: 600; }
.tag { color: var(--ink); font-weight: 600; }
.bad { color: #c0392b; font-weight: 600; }
a { color: inherit; }
#none { padding: 2rem 1.2rem; color: var(--soft); }
</style>
)";

constexpr const char* kFilter = R"(<header>
<h1>)";

constexpr const char* kControls = R"(</h1>
<input id="words" type="search" placeholder="words of the prompt, id or seed" aria-label="Filter">
<label>score from <input id="least" type="number" min="0" max="100" step="1" aria-label="Least score"></label>
<label>order <select id="order">
<option value="list">as listed</option><option value="best">score, best first</option><option value="worst">score, worst first</option>
<option value="prompt">prompt</option><option value="seed">seed</option><option value="length">length</option></select></label>
<span id="count" aria-live="polite"></span>
</header>
<main id="clips"></main>
<p id="none" hidden>No clip fits the filter.</p>
<script type="application/json" id="data">)";

constexpr const char* kTail = R"(</script>
<script>
const clips = JSON.parse(document.getElementById('data').textContent);
const $ = id => document.getElementById(id);
function make(tag, name, text) {
  const e = document.createElement(tag);
  if (name) e.className = name;
  if (text !== undefined) e.textContent = text;
  return e;
}
function card(clip) {
  const e = make('article');
  const file = clip.file.split('/').map(encodeURIComponent).join('/'), url = clip.source || file;
  const film = make(clip.file.endsWith('.gif') ? 'img' : 'video');
  if (film.tagName === 'IMG') { film.loading = 'lazy'; film.alt = clip.prompt; }
  else {  // the buttons would cover the picture: they show under the pointer, or with the keyboard's focus
    film.loop = film.muted = film.playsInline = true;
    film.preload = 'metadata'; film.tabIndex = 0; film.setAttribute('aria-label', clip.prompt);
    film.onpointerenter = film.onfocus = () => { film.controls = true; film.play(); };
    film.onpointerleave = film.onblur = () => { film.controls = false; film.pause(); };
  }
  film.src = url;
  const text = make('div', 'text');
  text.append(make('div', 'prompt', clip.prompt));
  const facts = make('div', 'facts');
  if (clip.tag) facts.append(make('span', 'tag', clip.tag));
  if (clip.score !== null) facts.append(make('span', clip.verdict === 'inconsistent' ? 'bad' : 'score', 'score ' + clip.score.toFixed(clip.tag ? 0 : 1)));
  else if (clip.scored) facts.append(make('span', '', 'not judged'));
  facts.append(make('span', '', 'seed ' + clip.seed), make('span', '', clip.seconds.toFixed(2) + ' s'));
  const link = make('a', '', clip.id);
  link.href = url;
  if (clip.source) link.download = clip.id + '.mp4';
  facts.append(link);
  text.append(facts);
  if (clip.note) text.append(make('div', 'facts', clip.note));
  e.append(film, text);
  return e;
}
clips.forEach(clip => { clip.card = card(clip); clip.text = [clip.prompt, clip.id, clip.seed, clip.tag, clip.note].join(' ').toLowerCase(); });
const value = clip => clip.score === null ? -1 : clip.score;
const orders = {
  list: (a, b) => a.at - b.at, best: (a, b) => value(b) - value(a),
  worst: (a, b) => (a.score === null) - (b.score === null) || value(a) - value(b),
  prompt: (a, b) => a.prompt.localeCompare(b.prompt), seed: (a, b) => a.seed - b.seed, length: (a, b) => a.seconds - b.seconds };
clips.forEach((clip, at) => clip.at = at);
function show() {
  const words = $('words').value.toLowerCase().split(/\s+/).filter(w => w);
  const least = $('least').value === '' ? null : Number($('least').value);
  const shown = clips.filter(c => words.every(w => c.text.includes(w)) && (least === null || (c.score !== null && c.score >= least)));
  shown.sort((a, b) => orders[$('order').value](a, b) || a.at - b.at);
  $('clips').replaceChildren(...shown.map(c => c.card));
  $('count').textContent = shown.length + ' of ' + clips.length;
  $('none').hidden = shown.length > 0;
}
['words', 'least', 'order'].forEach(id => $(id).addEventListener('input', show));
show();
</script>
</html>
)";

}  // namespace

std::string gallery_html(const std::vector<Json>& records, const GalleryPage& page) {
  Json clips = Json::array();
  for (const Json& r : records)
    if (r.value("status", "") == "done") {
      Json clip;
      for (const char* key : {"id", "prompt", "seed", "file", "seconds", "score", "scored"}) clip[key] = r.value(key, Json());
      for (const char* key : {"source", "tag", "note", "verdict"})
        if (r.contains(key)) clip[key] = r.at(key);
      clips.push_back(clip);
    }
  std::string data;
  for (char c : clips.dump()) c == '<' ? data += "\\u003c" : data += c;  // no "</script>" in a prompt ends the element
  const std::string title = physics_eval::html_escaped(page.title);
  std::string grid;
  if (page.columns > 0)
    grid = "<style>#clips { grid-template-columns: repeat(" + std::to_string(page.columns) +
           ", minmax(0, 1fr)); max-width: " + std::to_string(22 * page.columns) + "rem; }</style>\n";
  return kHead + title + kStyle + grid + page.before + kFilter + (page.before.empty() ? title : "Clips") + kControls + data + kTail;
}

}  // namespace orrery
