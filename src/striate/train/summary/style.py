"""The looks of a summary, beside those that all reports have. Light or dark as the reader's system says."""

__all__ = ["STYLE"]

STYLE = """
.striate-check { --hit: 59,111,181; --miss: 217,121,34; --on-strong: #ffffff; }
@media (prefers-color-scheme: dark) {
  .striate-check { --hit: 109,159,224; --miss: 239,160,75; --on-strong: #101216; }
}
.striate-check .grid-of-charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr));
  gap: 14px; }
.striate-check .panel h3 { margin-bottom: 8px; }
.striate-check .panel .legend { flex-wrap: wrap; gap: 4px 18px; margin: 0 0 6px; min-height: 21px; }
.striate-check svg.chart { max-width: 620px; overflow: visible; }
.striate-check svg.chart text { fill: var(--quiet); font-size: 11.5px; font-variant-numeric: tabular-nums; }
.striate-check .grid { stroke: var(--rule); stroke-width: 1; }
.striate-check .axis { stroke: var(--quiet); stroke-width: 1; }
.striate-check .mark { stroke: var(--quiet); stroke-width: 1; stroke-dasharray: 4 4; }
.striate-check .sure { stroke: var(--s1); stroke-width: 2.4; }
.striate-check .curve { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.striate-check .c0 { stroke: var(--s0); } .striate-check .c1 { stroke: var(--s1); }
.striate-check .c2 { stroke: var(--s2); } .striate-check .c3 { stroke: var(--s3); }
.striate-check .curve.thin { stroke-width: 1.3; opacity: .5; }
.striate-check g:hover > .curve.thin { stroke-width: 2.6; opacity: 1; }
.striate-check .band { fill: var(--s1); opacity: .16; }
.striate-check .best { fill: var(--card); stroke: var(--good); stroke-width: 2.5; }
.striate-check .legend i.ring { background: none; border: 2.5px solid var(--good); border-radius: 50%; }
.striate-check .legend i.line { height: 2px; vertical-align: 4px; opacity: .6; }
.striate-check .legend i.dot { width: 8px; height: 8px; border-radius: 50%; }
.striate-check table { border-collapse: collapse; font-size: 13.5px; font-variant-numeric: tabular-nums; }
.striate-check caption { text-align: left; color: var(--quiet); font-size: 13px; padding-bottom: 10px; }
.striate-check .scroll { overflow-x: auto; position: relative; }
.striate-check table.rows { width: 100%; }
.striate-check table.rows th, .striate-check table.rows td { text-align: right; padding: 5px 0 5px 16px;
  border-top: 1px solid var(--rule); white-space: nowrap; font-weight: 400; }
.striate-check table.rows thead th, .striate-check table.rows thead td { border-top: 0; white-space: nowrap;
  color: var(--quiet); font-weight: 550; font-size: 12.5px; }
.striate-check table.rows .t { text-align: left; padding-left: 0; white-space: normal; overflow-wrap: anywhere;
  min-width: 4.5em; }
.striate-check table.rows .t + .t { padding-left: 16px; }
.striate-check table.rows tr.all th, .striate-check table.rows tr.all td { font-weight: 620; }
.striate-check table.rows tr.first th, .striate-check table.rows tr.first td { border-top: 2px solid var(--rule); }
.striate-check table.rows .name { white-space: nowrap; }
.striate-check table.rows .state { color: var(--quiet); padding-left: 28px; }
.striate-check .panel > p.quiet { margin-top: 12px; font-size: 14px; overflow-wrap: anywhere; }
.striate-check .under { margin: -8px auto 14px; font-size: 14px; }
.striate-check a { color: var(--note); }
.striate-check table.rows .bar { width: 22%; min-width: 70px; }
.striate-check table.rows .bar i { display: block; height: 8px; border-radius: 2px; background: var(--s0);
  min-width: 1px; }
.striate-check table.matrix { border-spacing: 2px; border-collapse: separate; }
.striate-check table.matrix td { width: 38px; height: 32px; min-width: 30px; text-align: center; border-radius: 4px;
  background: rgba(127,127,127,.07); padding: 0 3px; }
.striate-check table.matrix thead td { background: none; }
.striate-check table.matrix td.hit { background: rgba(var(--hit), var(--a)); }
.striate-check table.matrix td.miss { background: rgba(var(--miss), var(--a)); }
.striate-check table.matrix td.strong { color: var(--on-strong); font-weight: 600; }
.striate-check table.matrix th { font-weight: 500; color: var(--quiet); padding: 3px; }
.striate-check table.matrix tbody th { text-align: right; padding-right: 8px; position: sticky; left: 0;
  background: var(--card); max-width: 170px; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.striate-check table.matrix th.upright { vertical-align: bottom; }
.striate-check table.matrix th.upright span { writing-mode: vertical-rl; transform: rotate(180deg); max-height: 150px;
  white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.striate-check figure.matrix img { width: min(100%, 640px); image-rendering: pixelated; border: 1px solid var(--rule);
  background: none; }
.striate-check .sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 400px), 1fr));
  gap: 14px; align-items: start; }
.striate-check dl { display: grid; grid-template-columns: max-content 1fr; gap: 5px 22px; margin: 0; font-size: 14px; }
.striate-check dt { color: var(--quiet); }
.striate-check dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; }
.striate-check dl.settings dt, .striate-check dl.settings dd { font: 12.5px/1.5 ui-monospace, "DejaVu Sans Mono",
  monospace; }
.striate-check .column { display: grid; gap: 14px; }
.striate-check details { margin-top: 14px; }
.striate-check .panel > details:first-child { margin: 0; }
.striate-check details > summary { margin-bottom: 10px; }
.striate-check h3 + p { margin-bottom: 10px; }
@media (max-width: 560px) {
  .striate-check { padding: 24px 14px 48px; }
  .striate-check .panel { padding: 14px; }
  .striate-check dl { grid-template-columns: 1fr; gap: 0; } .striate-check dd { margin-bottom: 8px; }
  .striate-check svg.chart text { font-size: 13.5px; }
  .striate-check .facts { grid-template-columns: 1fr 1fr; }
  .striate-check .facts div:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .striate-check table.matrix td { width: 27px; min-width: 27px; height: 28px; padding: 0; }
}
"""
