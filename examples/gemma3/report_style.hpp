// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace program {

/// The style of a report page. Texts have a contrast of at least 4.5 to their ground in both colour schemes, curves and
/// keys of 3 (WCAG 2, levels AA); the steps behind their mean and the grid repeat what the page says elsewhere.
inline constexpr std::string_view report_style = R"css(
:root {
  color-scheme: light dark;
  --ground: #fff; --text: #1c1c1a; --quiet: #5f5f5a; --rule: #dcdcd6; --curve: #1f5fa8; --step: #a9c4e4; --mark: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ground: #171716; --text: #e9e8e4; --quiet: #a5a49d; --rule: #3a3a37; --curve: #8ab8f0; --step: #4c6d94;
    --mark: #f2958c;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }
body {
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 62rem; background: var(--ground); color: var(--text);
  font: 1rem/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  font-variant-numeric: tabular-nums;
}
h1 { margin: 0; font-size: 1.75rem; font-weight: 600; line-height: 1.2; letter-spacing: -0.01em; }
h2 { margin: 3rem 0 0.75rem; font-size: 1.125rem; font-weight: 600; }
p { margin: 0.25rem 0; max-width: 46rem; }
.note { margin: 0 0 1rem; font-size: 0.875rem; line-height: 1.45; }
.quiet, .note, .facts dt, .facts small, figcaption, th { color: var(--quiet); }
.facts {
  display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: 1.25rem 1.5rem; margin: 2rem 0 2.5rem;
  padding: 1.25rem 0; border: solid var(--rule); border-width: 1px 0;
}
.facts dt, .facts small { display: block; font-size: 0.8125rem; line-height: 1.35; }
.facts dd { margin: 0; }
.facts b { display: block; font-size: 1.375rem; font-weight: 600; line-height: 1.4; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: 0.8125rem; line-height: 1.4; }
figcaption strong { color: var(--text); font-size: 0.9375rem; font-weight: 600; margin-right: 0.25rem; }
.smalls, .codes { display: grid; gap: 1.75rem 1.5rem; }
.smalls { grid-template-columns: repeat(auto-fit, minmax(min(16rem, 100%), 1fr)); margin-top: 2rem; }
.codes { grid-template-columns: repeat(auto-fill, minmax(clamp(8.5rem, 20vw, 11rem), 1fr)); }
svg { display: block; width: 100%; overflow: visible; }
path { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
path.grid { stroke: var(--rule); stroke-width: 1; }
path.step { stroke: var(--step); stroke-width: 1; }
path.mean, path.only, path.dotted { stroke: var(--curve); stroke-width: 2; }
path.only, path.dotted { stroke-width: 1.5; }
path.dots { stroke: var(--curve); stroke-width: 6; }
path.mark { stroke: var(--mark); stroke-width: 1.5; }
path.bars { fill: var(--curve); }
.plot { display: grid; grid-template-columns: 3.25rem minmax(0, 1fr); margin: 0.75rem 0.75rem 0 0; }
.plot svg { height: clamp(13rem, 45vw, 20rem); }
.small .plot svg { height: 8rem; }
.codes svg { height: 4rem; margin-bottom: 0.375rem; }
.codes figcaption { overflow-wrap: anywhere; }
.codes figcaption strong { display: block; font-size: 0.8125rem; }
.rows, .columns { position: relative; color: var(--quiet); font-size: 0.75rem; line-height: 1; }
.rows span { position: absolute; right: 0.625rem; transform: translateY(50%); white-space: nowrap; }
.columns { grid-column: 2; height: 1.25rem; }
.columns span { position: absolute; top: 0.5rem; transform: translateX(-50%); white-space: nowrap; }
.key { display: inline-block; margin-left: 0.75rem; white-space: nowrap; }
.key::before {
  content: ""; display: inline-block; width: 1.25rem; margin-right: 0.375rem; vertical-align: 0.25em;
  border-top: 2px solid var(--curve);
}
.key.step::before { border-color: var(--step); }
.key.mark::before { width: 0; height: 0.625rem; vertical-align: -0.05em; border: solid var(--mark); border-width: 0 0 0 2px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: 0.9375rem; }
th, td { padding: 0.375rem 0 0.375rem 1.5rem; border-bottom: 1px solid var(--rule); text-align: right; white-space: nowrap; }
th { font-weight: 500; }
th:first-child { position: sticky; left: 0; padding: 0.375rem 0.75rem 0.375rem 0; background: var(--ground); text-align: left; }
tbody th { color: var(--text); }
.wide { min-width: 100%; }
.run th { color: var(--quiet); vertical-align: top; }
.run td { width: 100%; padding-left: 0.75rem; text-align: left; white-space: pre-wrap; overflow-wrap: anywhere; }
code, .run td { font-family: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: 0.8125rem; }
summary { margin-top: 1.25rem; color: var(--curve); cursor: pointer; }
:focus-visible { outline: 2px solid var(--curve); outline-offset: 3px; }
)css";

}  // namespace program
