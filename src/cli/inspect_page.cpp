// The page of `orrery inspect`: style and script around the data. Everything is drawn from the JSON in the
// middle.
#include "cli/inspect_report.h"

namespace orrery {
namespace {

constexpr const char* kPageHead = R"(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Inspection</title>
<style>
:root { color-scheme: light dark; --ground: #f6f6f4; --card: #fff; --ink: #1d1f23; --soft: #666b73; --line: #d9dadd; --mark: #2a66c8; --warn: #b3402a; }
@media (prefers-color-scheme: dark) { :root { --ground: #17191d; --card: #202329; --ink: #e7e8ea; --soft: #9aa0a9; --line: #353941; --mark: #7fb0ff; --warn: #ff9a80; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; }
nav { position: sticky; top: 0; z-index: 2; display: flex; flex-wrap: wrap; gap: .4rem 1rem; align-items: center; padding: .6rem 1.2rem; background: var(--card); border-bottom: 1px solid var(--line); }
nav b { font-size: 1.05rem; }
main { max-width: 1180px; margin: 0 auto; padding: 1rem 1.2rem 4rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem 1.2rem; margin: 1rem 0; }
h1 { font-size: 1.5rem; margin: .6rem 0 .2rem; overflow-wrap: anywhere; }
h2 { font-size: 1.1rem; margin: 0 0 .2rem; }
h3 { font-size: .95rem; margin: 1rem 0 .3rem; }
p { margin: .2rem 0 .7rem; max-width: 78ch; }
.soft { color: var(--soft); }
.small { font-size: .86rem; }
button { font: inherit; color: inherit; background: var(--ground); border: 1px solid var(--line); border-radius: 6px; padding: .15rem .6rem; cursor: pointer; }
button[aria-pressed=true] { background: var(--mark); border-color: var(--mark); color: var(--card); }
.row { display: flex; flex-wrap: wrap; gap: .4rem; align-items: center; margin: .4rem 0; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: .8rem; }
.tile { border: 1px solid var(--line); border-radius: 8px; padding: .5rem .8rem; }
.tile b { display: block; font-size: 1.3rem; font-weight: 600; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th { font-weight: 600; text-align: left; color: var(--soft); }
th, td { padding: .15rem .55rem .15rem 0; vertical-align: middle; white-space: nowrap; }
td.number { text-align: right; }
.chip { display: inline-block; border-radius: 5px; padding: .05rem .45rem; margin: .12rem; color: #15171b; }
.cell { display: inline-flex; height: 1.35rem; width: 5.4rem; border-radius: 4px; overflow: hidden; font-size: .76rem; color: #15171b; vertical-align: middle; }
.cell span { display: flex; align-items: center; justify-content: center; overflow: hidden; }
.now .cell { outline: 2px solid var(--mark); outline-offset: 1px; border-radius: 4px; }
.block { display: inline-block; width: 1.5rem; height: 1.5rem; border-radius: 3px; text-align: center; font-size: .7rem; line-height: 1.5rem; color: #15171b; }
.viewer { display: grid; grid-template-columns: minmax(0, 2fr) minmax(220px, 1fr); gap: 1.2rem; }
@media (max-width: 760px) { .viewer { grid-template-columns: 1fr; } }
canvas { width: 100%; border-radius: 6px; display: block; background: #000; }
#strip { display: flex; gap: 6px; overflow-x: auto; padding: .5rem 2px; }
#strip canvas { width: 150px; flex: none; cursor: pointer; }
#strip canvas.now { outline: 3px solid var(--mark); }
#strip figcaption { font-size: .75rem; color: var(--soft); text-align: center; }
#strip figure { margin: 0; }
input[type=range] { flex: 1; min-width: 8rem; accent-color: var(--mark); }
.use { display: grid; grid-template-columns: 5rem repeat(3, minmax(0, 1fr)) 9rem; gap: .3rem 1rem; align-items: end; }
.bars { display: flex; align-items: flex-end; gap: 2px; height: 46px; border-bottom: 1px solid var(--line); position: relative; }
.bars i { flex: 1; border-radius: 2px 2px 0 0; min-height: 1px; }
.even { position: absolute; left: 0; right: 0; border-top: 1px dashed var(--soft); }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(300px, 1fr)); gap: 1rem; }
svg { width: 100%; height: auto; display: block; }
svg text { fill: currentColor; font: 11px system-ui, sans-serif; }
.bad { color: var(--warn); font-weight: 600; }
#where { min-height: 7.5rem; }
details summary { cursor: pointer; color: var(--soft); margin: .5rem 0; }
</style>
<nav><b>Inspection</b><span class="soft small">layer</span><span id="layers" class="row" style="margin:0"></span><span class="soft small">everything with a layer follows these buttons</span></nav>
<main id="main"></main>
<script type="application/json" id="data">)";

constexpr const char* kTools = R"(</script>
<script>
const D = JSON.parse(document.getElementById('data').textContent), C = D.config;
const names = C.domains, first = [0, C.experts[0], C.experts[0] + C.experts[1]];
let layer = D.layer, chunk = Math.min(2, D.frames.length - 1), mode = 'experts', opacity = 0.45, edited = 0;
const listeners = [];
function el(tag, attributes, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes || {})) k === 'onclick' || k === 'oninput' ? e[k] = v : e.setAttribute(k, v);
  e.append(...children.filter(c => c !== null && c !== undefined));
  return e;
}
const percent = (x, digits = 1) => (100 * x).toFixed(digits) + ' %';
const domainOf = e => e >= first[2] ? 2 : e >= first[1] ? 1 : 0;
const hues = [[275, 335], [150, 250], [8, 62]];
function domainColor(d) { return 'hsl(' + ['300 60% 74%', '195 62% 66%', '32 88% 66%'][d] + ')'; }
function expertColor(e) {
  if (e < 0) return e === -1 ? '#9b9b9b' : 'transparent';
  const d = domainOf(e), i = e - first[d], n = C.experts[d];
  return 'hsl(' + (hues[d][0] + (hues[d][1] - hues[d][0]) * (n > 1 ? i / (n - 1) : 0)) + ' ' + (i % 2 ? '85% 74%' : '65% 55%') + ')';
}
const label = e => e < 0 ? 'shared alone' : names[domainOf(e)] + ' ' + (e - first[domainOf(e)]);
function routeTitle(r) {
  if (!r) return '';
  let text = 'domain ' + names[r[0]];
  for (let i = 1; i < r.length; i += 2) text += '\n' + label(r[i]) + ': ' + r[i + 1] + ' %';
  return text + (r.length === 1 ? '\nthe shared expert alone' : '');
}
function cell(r) {
  if (!r) return el('span', {class: 'cell'}, '');
  if (r.length === 1) return el('span', {class: 'cell', title: routeTitle(r), style: 'background:#9b9b9b'}, el('span', {style: 'width:100%'}, 'shared'));
  const e = el('span', {class: 'cell', title: routeTitle(r)});
  for (let i = 1; i < r.length; i += 2)
    e.append(el('span', {style: 'width:' + r[i + 1] + '%;background:' + expertColor(r[i])}, r[i + 1] > 15 ? String(r[i] - first[domainOf(r[i])]) : ''));
  return e;
}
function section(title, text, ...children) {
  const s = el('section', {}, el('h2', {}, title), text ? el('p', {class: 'soft'}, text) : null, ...children);
  document.getElementById('main').append(s);
  return s;
}
function onLayer(f) { listeners.push(f); f(); }
function setLayer(l) { layer = l; listeners.forEach(f => f()); }
for (let l = 0; l < C.layers; ++l) document.getElementById('layers').append(el('button', {onclick: () => setLayer(l)}, String(l)));
onLayer(() => [...document.getElementById('layers').children].forEach((b, l) => b.setAttribute('aria-pressed', l === layer)));

// A table of tokens: name, then every layer.
function tokenTable(tokens) {
  const table = el('table', {class: 'small'}, el('tr', {}, el('th', {}, 'token'), ...[...Array(C.layers).keys()].map(l => el('th', {}, 'layer ' + l))));
  const rows = tokens.map(t => {
    const chip = el('span', {class: 'chip'}, t.name);
    const cells = t.layers.map(r => el('td', {}, cell(r)));
    table.append(el('tr', {}, el('td', {}, chip), ...cells));
    return [t, chip, cells];
  });
  onLayer(() => rows.forEach(([t, chip, cells]) => {
    chip.style.background = domainColor(t.layers[layer][0]);
    cells.forEach((c, l) => c.className = l === layer ? 'now' : '');
  }));
  return el('div', {class: 'scroll'}, table);
}
function sentence(tokens) {
  const p = el('div', {class: 'row', style: 'font-size:1.1rem'});
  const chips = tokens.map(t => [t, p.appendChild(el('span', {class: 'chip'}, t.name))]);
  onLayer(() => chips.forEach(([t, e]) => { e.style.background = domainColor(t.layers[layer][0]); e.title = routeTitle(t.layers[layer]); }));
  return p;
}
function legend() {
  const p = el('div', {class: 'row small'});
  names.forEach((n, d) => {
    p.append(el('span', {class: 'chip', style: 'background:' + domainColor(d)}, n));
    for (let i = 0; i < C.experts[d]; ++i) p.append(el('span', {class: 'block', style: 'background:' + expertColor(first[d] + i), title: label(first[d] + i)}, String(i)));
  });
  p.append(el('span', {class: 'chip', style: 'background:#9b9b9b'}, 'shared expert alone'));
  return p;
}
)";

constexpr const char* kOverview = R"(
const sum = (a, f) => a.reduce((s, x) => s + f(x), 0);
function overview() {
  const main = document.getElementById('main'), tokens = sum(D.routing, r => r.tokens), P = D.patches;
  main.append(el('h1', {}, D.prompt), el('p', {class: 'soft small'}, (D.source ? D.source + ' made once more: ' : '') + 'seed ' + D.seed + ', temperature ' + D.temperature + ', ' + D.seconds.toFixed(2) + ' s, weights ' + D.model + ', orrery ' + D.version));
  let used = 0, even = [], n = 0;
  D.routing.forEach(r => names.forEach(d => { used += r.domains[d].used; even.push(r.domains[d].evenness); ++n; }));
  const tile = (value, text) => el('div', {class: 'tile'}, el('b', {}, value), el('span', {class: 'soft small'}, text));
  main.append(el('div', {class: 'tiles'},
    tile(tokens.toLocaleString('en'), 'decisions of the router (tokens x layers)'),
    tile(percent(sum(D.routing, r => r.left_domain) / tokens, 2), 'left their modality\u2019s domain'),
    tile(percent(sum(D.routing, r => r.fell_back) / tokens, 2), 'fell back to the shared expert'),
    tile(percent(used / n, 0), 'of experts in use, mean over domains and layers'),
    tile((sum(even, x => x) / n).toFixed(2), 'mean evenness of their load (entropy over its maximum)'),
    tile(percent(P.copied / P.patches_total, 0), 'of patches keep their code; ' + percent(P.pruned / P.patches_total, 0) + ' leave before layer ' + P.prune_layer)));
}
D.patches.patches_total = Math.max(1, D.patches.total);
function textSection() {
  const prompt = D.prologue.filter(t => t.kind !== 'prologue'), asked = D.prologue.filter(t => t.kind === 'prologue');
  section('The prompt', 'Each word in the colour of the domain that the router gave it; below, layer by layer, the experts that worked on it: number inside of the domain, width = share of the weight.',
    sentence(prompt), legend(), tokenTable(prompt),
    el('details', {}, el('summary', {}, 'The scene that was written from it: ' + asked.length + ' questions, one token each'), tokenTable(asked)));
}
function objectSection() {
  const statics = D.dynamics.filter(t => t.kind === 'scene'), objects = D.dynamics.filter(t => t.kind === 'object');
  const chunks = [...new Set(objects.map(t => t.chunk))], table = el('table', {}), cells = [];
  table.append(el('tr', {}, el('th', {}, 'chunk'), ...chunks.map(c => el('th', {class: 'small'}, c < 0 ? 'start' : String(c)))));
  D.objects.forEach((name, k) => {
    const row = el('tr', {}, el('td', {}, k + ': ' + name));
    objects.filter(t => t.index === k).forEach(t => {
      const b = el('span', {class: 'block'});
      cells.push([t, b]);
      row.append(el('td', {style: 'padding:1px'}, b));
    });
    table.append(row);
  });
  onLayer(() => cells.forEach(([t, b]) => {
    const r = t.layers[layer], a = expertColor(r.length > 1 ? r[1] : -1), c = r.length > 3 ? expertColor(r[3]) : a;
    b.style.background = 'linear-gradient(135deg, ' + a + ' 55%, ' + c + ' 55%)';
    b.title = t.name + '\n' + routeTitle(r);
    b.textContent = r.length > 1 ? r[1] - first[domainOf(r[1])] : '';
  }));
  section('The objects', 'One token an object and chunk of four frames; its state in the next chunk follows from it. Colour: the heavier expert, in the corner the lighter one. Whether a change of expert along a row goes with a change of motion is for the eye to judge.',
    el('div', {class: 'scroll'}, table), el('details', {}, el('summary', {}, 'Tokens of what stands still'), tokenTable(statics)));
}
)";

constexpr const char* kFrames = R"(
const pictures = D.frames.map(f => { const i = new Image(); i.src = 'data:image/png;base64,' + f; return i; });
const size = C.frame[0] / C.columns;
function cellColor(c, p) {
  const L = D.pixels[c].layers[layer];
  if (mode === 'experts') return expertColor(L.first[p]);
  if (mode === 'second') return expertColor(L.second[p]);
  if (mode === 'domain') return L.domain[p] < 0 ? 'transparent' : domainColor(L.domain[p]);
  return 'transparent';
}
function draw(canvas, c, scale) {
  canvas.width = C.frame[0] * scale;
  canvas.height = C.frame[1] * scale;
  const g = canvas.getContext('2d'), L = D.pixels[c].layers[layer], s = size * scale;
  g.imageSmoothingEnabled = scale < 2;
  g.drawImage(pictures[c], 0, 0, canvas.width, canvas.height);
  for (let p = 0; p < C.columns * C.rows; ++p) {
    const x = p % C.columns * s, y = Math.floor(p / C.columns) * s, pruned = L.domain[p] === -2, copied = D.pixels[c].copied[p];
    if (mode === 'none') continue;
    g.globalAlpha = opacity;
    g.fillStyle = cellColor(c, p);
    g.fillRect(x, y, s, s);
    if (mode === 'kept') {
      g.fillStyle = pruned ? '#3c2a6b' : copied ? '#3f8fd0' : '#ffd23f';
      g.fillRect(x, y, s, s);
    } else if (pruned) {
      g.globalAlpha = Math.min(1, opacity + 0.1);
      g.strokeStyle = '#000';
      g.lineWidth = scale;
      g.beginPath();
      for (let k = 1; k < 4; ++k) { g.moveTo(x + s * k / 4, y + 1); g.lineTo(x + 1, y + s * k / 4); g.moveTo(x + s - 1, y + s * k / 4); g.lineTo(x + s * k / 4, y + s - 1); }
      g.stroke();
    }
    g.globalAlpha = 1;
    if (scale > 1 && mode !== 'kept' && copied && !pruned) { g.fillStyle = '#fff'; g.beginPath(); g.arc(x + s / 2, y + s / 2, scale * 1.6, 0, 7); g.fill(); }
  }
  g.globalAlpha = 1;
}
function frameSection() {
  const big = el('canvas', {}), strip = el('div', {id: 'strip'}), where = el('div', {id: 'where', class: 'small'}), counts = el('div', {class: 'small'});
  const time = el('input', {type: 'range', min: 0, max: D.frames.length - 1, value: 0, 'aria-label': 'chunk', oninput: e => { chunk = +e.target.value; show(); }});
  const said = el('span', {class: 'small soft', style: 'min-width:9rem'});
  const modes = {experts: 'heavier expert', second: 'lighter expert', domain: 'domain', kept: 'copied and pruned', none: 'frame alone'};
  const buttons = Object.entries(modes).map(([key, text]) => el('button', {onclick: () => { mode = key; show(true); }, 'data-mode': key}, text));
  let timer = null;
  const play = el('button', {onclick: () => { timer ? clearInterval(timer) : 0; timer = timer ? null : setInterval(() => { chunk = (chunk + 1) % D.frames.length; show(); }, 1000 * C.chunk_s); play.textContent = timer ? 'stop' : 'play'; }}, 'play');
  const strength = el('input', {type: 'range', min: 0.15, max: 0.95, step: 0.05, value: opacity, style: 'flex:none;width:7rem', 'aria-label': 'strength of the overlay', oninput: e => { opacity = +e.target.value; show(true); }});
  const thumbs = D.frames.map((f, c) => {
    const canvas = el('canvas', {onclick: () => { chunk = c; show(); }});
    strip.append(el('figure', {}, canvas, el('figcaption', {}, ((c + 1) * C.chunk_s).toFixed(2) + ' s')));
    return canvas;
  });
  function show(all) {
    draw(big, chunk, 3);
    if (all) thumbs.forEach((t, c) => draw(t, c, 0.75));
    thumbs.forEach((t, c) => t.className = c === chunk ? 'now' : '');
    buttons.forEach(b => b.setAttribute('aria-pressed', b.dataset.mode === mode));
    time.value = chunk;
    said.textContent = 'chunk ' + chunk + ', ends at ' + ((chunk + 1) * C.chunk_s).toFixed(2) + ' s';
    const X = D.pixels[chunk], gone = X.layers[layer].domain.filter(d => d === -2).length, copied = X.copied.filter(x => x).length, n = C.columns * C.rows;
    counts.replaceChildren(el('b', {}, 'Layer ' + layer), ': ' + (n - gone) + ' of ' + n + ' patches are worked on, ' + gone + ' have left. In this chunk ' + copied + ' keep the code of the chunk before.');
  }
  big.onmousemove = e => {
    const r = big.getBoundingClientRect(), x = Math.floor((e.clientX - r.left) / r.width * C.columns), y = Math.floor((e.clientY - r.top) / r.height * C.rows), p = y * C.columns + x;
    if (x < 0 || y < 0 || x >= C.columns || y >= C.rows) return;
    const X = D.pixels[chunk];
    where.replaceChildren(el('b', {}, 'Patch ' + x + ', ' + y), ' ' + (X.copied[p] ? 'keeps its code' : 'gets a new code'));
    X.layers.forEach((L, l) => where.append(el('div', {}, 'layer ' + l + ': ' + (L.domain[p] === -2 ? 'pruned' : label(L.first[p]) + ' ' + L.percent[p] + ' %' + (L.second[p] >= 0 ? ', ' + label(L.second[p]) + ' ' + (100 - L.percent[p]) + ' %' : '')))));
  };
  where.textContent = 'Point at a patch to see what each layer does with it.';
  section('The frames', 'One token a patch of 16 x 16 pixels and chunk. Hatched: pruned, the early gate found it unchanged and the deeper layers never see it. Dot: copied, the last layer says that it is unchanged. The picture is the last frame of the chunk.',
    el('div', {class: 'viewer'}, el('div', {}, big, el('div', {class: 'row'}, play, time, said)),
      el('div', {}, el('h3', {style: 'margin-top:0'}, 'Overlay'), el('div', {class: 'row'}, ...buttons), el('div', {class: 'row small soft'}, 'strength', strength), counts,
        el('div', {class: 'row small'}, el('span', {class: 'chip', style: 'background:#ffd23f'}, 'new code'), el('span', {class: 'chip', style: 'background:#3f8fd0'}, 'copied'), el('span', {class: 'chip', style: 'background:#3c2a6b;color:#fff'}, 'pruned')), where)), strip);
  Promise.all(pictures.map(p => p.decode())).then(() => onLayer(() => show(true)));
}
)";

constexpr const char* kRouting = R"(
function useSection() {
  const grid = el('div', {class: 'use'}, el('b', {class: 'soft'}, 'layer'), ...names.map((n, d) => el('b', {}, n + ', ' + C.experts[d] + ' experts')), el('b', {class: 'soft small'}, 'left domain / fell back'));
  const heads = [];
  D.routing.forEach((r, l) => {
    heads.push(grid.appendChild(el('button', {onclick: () => setLayer(l)}, 'layer ' + l)));
    names.forEach((n, d) => {
      const u = r.domains[n], top = Math.max(1, ...u.load), total = sum(u.load, x => x);
      const bars = el('div', {class: 'bars'}, ...u.load.map((x, i) => el('i', {style: 'height:' + 100 * x / top + '%;background:' + expertColor(first[d] + i), title: n + ' ' + i + ': ' + x + ' of ' + total})));
      if (total) bars.append(el('span', {class: 'even', style: 'bottom:' + 100 * total / u.load.length / top + '%'}));
      grid.append(el('div', {}, bars, el('div', {class: 'small soft'}, percent(u.used, 0) + ' used, evenness ' + u.evenness.toFixed(2) + ', n = ' + total + (u.predicted ? ', guessed ahead ' + percent(u.predicted.agreement, 0) : ''))));
    });
    grid.append(el('div', {class: 'small'}, percent(r.left_domain / r.tokens, 2) + ' / ' + percent(r.fell_back / r.tokens, 2)));
  });
  onLayer(() => heads.forEach((b, l) => b.setAttribute('aria-pressed', l === layer)));
  section('Experts in use', 'How often each expert was chosen for this clip. Dashed: an even share. Used: chosen more than a tenth of an even share; evenness: entropy over its maximum. One clip has few linguistic tokens: their bars say little.' + (D.routing.some(r => names.some(n => r.domains[n].predicted)) ? ' Guessed ahead: the share of the choices that the affinity predictor named from the tokens\u2019 input alone, before layer 0; the routers decide.' : ''), grid);
}
function leftSection() {
  const table = el('table', {}), body = el('div', {});
  onLayer(() => {
    const went = D.routing[layer].modality_to_domain;
    table.replaceChildren(el('tr', {}, el('th', {}, 'tokens of layer ' + layer), ...names.map(n => el('th', {}, 'to ' + n))),
      ...names.map(m => el('tr', {}, el('td', {}, m), ...went[m].map((x, d) => el('td', {class: 'number' + (x && names[d] !== m ? ' bad' : '')}, x.toLocaleString('en'))))));
  });
  const order = D.left.slice().sort((a, b) => b.layers.length - a.layers.length), kinds = {};
  order.forEach(t => kinds[t.kind] = (kinds[t.kind] || 0) + 1);
  const most = 40, list = el('table', {class: 'small'}, el('tr', {}, el('th', {}, 'token'), el('th', {}, 'modality'), el('th', {}, 'went to')));
  order.slice(0, most).forEach(t => list.append(el('tr', {}, el('td', {}, t.token), el('td', {}, t.modality),
    el('td', {}, ...t.layers.map(x => el('span', {class: 'chip', style: 'background:' + domainColor(names.indexOf(x.domain))}, 'layer ' + x.layer + ': ' + x.domain))))));
  body.append(order.length ? el('p', {}, order.length + ' tokens left in some layer: ' + Object.entries(kinds).map(([k, n]) => n + ' ' + k).join(', ') + (order.length > most ? '; these left most often' : '') + '.') : el('p', {}, 'No token of this clip left its modality\u2019s domain in any layer.'));
  if (order.length) body.append(el('div', {class: 'scroll'}, list));
  section('Tokens that left their modality\u2019s domain', 'The router may send a word to the physical experts, or an object to the visual ones.', table, body);
}
function headSection() {
  const kinds = [...new Set(D.routing.flatMap(r => Object.keys(r.head_norms)))], box = el('div', {class: 'charts'});
  kinds.forEach(kind => {
    const top = Math.max(1e-9, ...D.routing.flatMap(r => r.head_norms[kind] || []));
    const table = el('table', {class: 'small'}, el('tr', {}, el('th', {}, ''), ...[...Array(C.heads).keys()].map(h => el('th', {style: 'text-align:center;padding:0'}, String(h)))));
    D.routing.forEach((r, l) => table.append(el('tr', {}, el('td', {class: 'soft'}, 'layer ' + l), ...(r.head_norms[kind] || []).map(v =>
      el('td', {style: 'padding:1px'}, el('span', {class: 'block', title: v.toFixed(3), style: 'background:color-mix(in srgb, var(--mark) ' + (100 * v / top).toFixed(0) + '%, var(--ground))'}))))));
    box.append(el('div', {}, el('h3', {}, kind + ' tokens'), table, el('div', {class: 'small soft'}, 'darkest: ' + top.toFixed(2))));
  });
  section('Attention heads', 'Mean norm of what each head adds to the residual, by kind of token. Pale: it adds little to tokens of that kind.', box);
}
)";

constexpr const char* kScience = R"(
const NS = 'http://www.w3.org/2000/svg';
function svg(tag, attributes, ...children) {
  const e = document.createElementNS(NS, tag);
  for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
  e.append(...children);
  return e;
}
function probeChart(q) {
  const W = 340, H = 190, left = 34, right = 88, topY = 12, bottom = 26, low = q.measure === 'AUC' ? 0.4 : 0, n = q.trained.length;
  const x = i => left + (W - left - right) * i / (n - 1), y = v => H - bottom - (H - topY - bottom) * (Math.max(low, v) - low) / (1 - low);
  const s = svg('svg', {viewBox: '0 0 ' + W + ' ' + H, role: 'img', 'aria-label': q.name});
  for (let v = low; v <= 1.001; v += 0.2) s.append(svg('line', {x1: left, x2: W - right, y1: y(v), y2: y(v), stroke: 'var(--line)'}), svg('text', {x: left - 6, y: y(v) + 4, 'text-anchor': 'end', opacity: 0.7}, v.toFixed(1)));
  for (let i = 0; i < n; ++i) s.append(svg('text', {x: x(i), y: H - 8, 'text-anchor': 'middle', opacity: 0.7}, i ? String(i - 1) : 'in'));
  const path = v => v.map((a, i) => a === null ? '' : (i ? 'L' : 'M') + x(i) + ' ' + y(a)).join('');
  s.append(svg('path', {d: path(q.untrained), fill: 'none', stroke: 'var(--soft)', 'stroke-width': 2, 'stroke-dasharray': '4 4'}), svg('path', {d: path(q.trained), fill: 'none', stroke: 'var(--mark)', 'stroke-width': 2.5}));
  q.trained.forEach((v, i) => { if (v !== null) s.append(svg('circle', {cx: x(i), cy: y(v), r: 3.2, fill: 'var(--mark)'}, svg('title', {}, 'trained ' + v.toFixed(3) + ', untrained ' + (q.untrained[i] || 0).toFixed(3)))); });
  let ya = y(q.trained[n - 1] || low), yb = y(q.untrained[n - 1] || low);
  if (Math.abs(ya - yb) < 13) { const middle = (ya + yb) / 2, sign = ya <= yb ? -1 : 1; ya = middle + sign * 7; yb = middle - sign * 7; }
  s.append(svg('text', {x: W - right + 6, y: ya + 4, style: 'fill:var(--mark)'}, 'trained ' + (q.trained[n - 1] === null ? '-' : q.trained[n - 1].toFixed(2))), svg('text', {x: W - right + 6, y: yb + 4, opacity: 0.7}, 'not ' + (q.untrained[n - 1] === null ? '-' : q.untrained[n - 1].toFixed(2))));
  return el('div', {}, el('h3', {style: 'margin-top:0'}, q.name + (q.measure === 'AUC' ? ' (AUC)' : ' (R\u00b2)')), s);
}
function probeSection() {
  if (!D.probes) return section('Linear probes', 'None: a program that is built without the simulator has no held-out scenes to probe on, and --probes 0 leaves them out.');
  const P = D.probes;
  section('Linear probes', 'How much physics can a linear map read off an object\u2019s hidden state, layer by layer? Ridge regression on ' + P.scenes + ' held-out simulated scenes (' + P.fit_tokens.toLocaleString('en') + ' tokens fitted, ' + P.test_tokens.toLocaleString('en') +
    ' of other scenes judged), against the same probes on an untrained model. What is so now is in the token\u2019s input and any network passes it on; what will be in half a second has to be worked out. \u201cin\u201d: the embedding, before layer 0.', el('div', {class: 'charts'}, ...P.quantities.map(probeChart)));
}
const inks = {red: '#dc2f38', orange: '#e8730c', yellow: '#c99a00', green: '#23894f', cyan: '#0797ac', blue: '#1f6fe0', purple: '#7d3fc0', pink: '#d6409f', white: '#8d99a6', black: '#222'};
const inkOf = name => inks[name.split(' ')[0]] || '#687076';
function editSection() {
  if (!D.edits.length) return;
  const W = C.frame[0], H = C.frame[1], scale = W / C.view[0];
  const picture = svg('svg', {viewBox: '0 0 ' + W + ' ' + H, style: 'border-radius:6px'}), table = el('table', {class: 'small'}), words = el('p', {}), buttons = el('div', {class: 'row'});
  const line = (points, attributes) => svg('polyline', Object.assign({points: points.map(p => p[0] * scale + ',' + (H - p[1] * scale)).join(' '), fill: 'none', 'stroke-linejoin': 'round', 'stroke-linecap': 'round'}, attributes));
  function show() {
    const E = D.edits[edited];
    picture.replaceChildren(svg('image', {href: 'data:image/png;base64,' + D.frames[0], width: W, height: H, opacity: 0.55}));
    E.objects.forEach((o, k) => {
      const ink = inkOf(o.name), was = o.before[o.before.length - 1];
      if (o.simulated_after) picture.append(line(o.simulated_after, {stroke: '#222', 'stroke-width': 0.9, 'stroke-dasharray': '0.5 2.2'}));
      picture.append(line(o.before, {stroke: '#fff', 'stroke-width': 4.2, opacity: 0.55}), line(o.before, {stroke: ink, 'stroke-width': 3, opacity: 0.45}), line(o.after, {stroke: ink, 'stroke-width': 1.5}));
      const p = o.after[o.after.length - 1];
      picture.append(svg('circle', {cx: o.before[0][0] * scale, cy: H - o.before[0][1] * scale, r: 3, fill: '#fff', stroke: ink, 'stroke-width': 1.4}), svg('circle', {cx: was[0] * scale, cy: H - was[1] * scale, r: 3.4, fill: ink, opacity: 0.45}),
        svg('circle', {cx: p[0] * scale, cy: H - p[1] * scale, r: 2.6, fill: ink}), svg('text', {x: p[0] * scale, y: H - p[1] * scale - 5, 'text-anchor': 'middle', style: 'font-size:9px;font-weight:600;fill:' + ink}, String(k)));
    });
    const pair = v => '(' + v.map(x => x.toFixed(2)).join(', ') + ')';
    words.replaceChildren(el('b', {}, 'Object ' + E.object + ', ' + E.objects[E.object].name), ': velocity ' + pair(E.velocity_m_s) + ' becomes ' + pair(E.edited_velocity_m_s) + ' m/s, nothing else is touched.');
    table.replaceChildren(el('tr', {}, el('th', {}, ''), el('th', {}, 'object'), el('th', {}, 'path changes by up to'), el('th', {}, 'in the simulator'), el('th', {}, 'something changed could touch it from'), el('th', {}, 'changed before that by'), el('th', {}, '')));
    E.objects.forEach((o, k) => table.append(el('tr', {}, el('td', {}, el('span', {class: 'block', style: 'width:.9rem;height:.9rem;background:' + inkOf(o.name)})), el('td', {}, k + ': ' + o.name), el('td', {class: 'number'}, o.change_m.toFixed(2) + ' m'),
      el('td', {class: 'number'}, o.simulated_change_m === null ? '-' : o.simulated_change_m.toFixed(2) + ' m'), el('td', {class: 'number'}, k === E.object ? 'edited' : o.reached_s === null ? 'never' : o.reached_s.toFixed(2) + ' s'),
      el('td', {class: 'number'}, k === E.object ? '' : (100 * o.change_before_reached_m).toFixed(1) + ' cm'),
      el('td', k === E.object || o.stayed ? {} : {class: 'bad'}, k === E.object ? '' : o.stayed ? 'as it should' : 'moved without cause'))));
    [...buttons.children].forEach((b, i) => b.setAttribute('aria-pressed', i === edited));
  }
  D.edits.forEach((E, i) => buttons.append(el('button', {onclick: () => { edited = i; show(); }}, 'edit object ' + E.object)));
  section('If one velocity were another', 'Only the edited object may change at once, and others from when something that changed can touch them. Pale and broad: before; thin: after; dotted: what the simulator says after the edit; ring: start; dots: ends, with the object\u2019s number.',
    buttons, words, el('div', {style: 'max-width:860px'}, picture), el('div', {class: 'scroll', style: 'margin-top:.8rem'}, table));
  show();
}
document.title = 'Inspection: ' + D.prompt;
overview(); textSection(); frameSection(); objectSection(); useSection(); leftSection(); headSection(); probeSection(); editSection();
</script>
</html>
)";

}  // namespace

std::string inspection_page(const std::string& data) {
  std::string safe;
  safe.reserve(data.size());
  for (char c : data)
    c == '<' ? safe += "\\u003c" : safe += c;  // no "</script>" in a prompt ends the element
  return kPageHead + safe + kTools + kOverview + kFrames + kRouting + kScience;
}

}  // namespace orrery
