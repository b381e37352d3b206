"""The looks of the page of a report. Light or dark as the reader's system says; no script, no font to load."""

__all__ = ["STYLE"]

STYLE = """
.striate-check {
  --paper: #fbfaf8; --card: #ffffff; --ink: #1d1f23; --quiet: #686d76; --rule: #e4e1db;
  --error: #b3261e; --error-tint: #fbeae8; --warning: #8a5a00; --warning-tint: #fbf1dc;
  --note: #2f5d8c; --note-tint: #e8f0f8; --good: #1f7a4d; --good-tint: #e5f4ec;
  --s0: #3b6fb5; --s1: #e0912f; --s2: #3d9a6a; --s3: #8a63b8; --s4: #b84f6a;
  --red: #cc4b43; --green: #3d9a5b; --blue: #4473bd; --grey: #8a8f98;
  color: var(--ink); background: var(--paper); color-scheme: light dark;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif;
  padding: 40px 24px 72px;
}
@media (prefers-color-scheme: dark) {
  .striate-check {
    --paper: #15171b; --card: #1d2026; --ink: #e7e8ea; --quiet: #9ba1ab; --rule: #31353d;
    --error: #ff8a80; --error-tint: #3a1f1f; --warning: #efc15b; --warning-tint: #362b14;
    --note: #8fbcec; --note-tint: #1c2a3a; --good: #77d1a1; --good-tint: #17302399;
    --s0: #6d9fe0; --s1: #efaa55; --s2: #62bd8d; --s3: #ad8cd6; --s4: #d97a92;
    --red: #e2736b; --green: #66bd83; --blue: #7aa3e2; --grey: #8e95a1;
  }
}
.striate-check * { box-sizing: border-box; }
.striate-check > * { max-width: 1020px; margin-left: auto; margin-right: auto; }
.striate-check h1 { font-size: 27px; line-height: 1.25; font-weight: 650; letter-spacing: -.012em;
  margin: 2px auto 6px;
  overflow-wrap: anywhere; }
.striate-check h2 { font-size: 19px; font-weight: 640; letter-spacing: -.006em; margin: 46px auto 14px; }
.striate-check h3 { font-size: 16px; font-weight: 620; margin: 0; }
.striate-check p { margin: 4px 0; }
.striate-check .over { color: var(--quiet); font-size: 12px; letter-spacing: .09em;
  text-transform: uppercase; margin: 0 auto; }
.striate-check .quiet { color: var(--quiet); }
.striate-check .answer { display: flex; gap: 14px; align-items: baseline; flex-wrap: wrap; border-radius: 10px;
  padding: 14px 20px; margin: 22px auto; font-size: 16px; font-weight: 560; }
.striate-check .answer.good { background: var(--good-tint); color: var(--good); }
.striate-check .answer.fair { background: var(--warning-tint); color: var(--warning); }
.striate-check .answer.bad { background: var(--error-tint); color: var(--error); }
.striate-check .answer span { font-weight: 450; font-size: 14px; margin-left: auto; }
.striate-check .facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 1px;
  background: var(--rule); border: 1px solid var(--rule); border-radius: 10px; overflow: hidden; }
.striate-check .facts div { background: var(--card); padding: 13px 18px; }
.striate-check .facts b { display: block; font-size: 20px; font-weight: 600; font-variant-numeric: tabular-nums; }
.striate-check .facts span { color: var(--quiet); font-size: 13px; overflow-wrap: anywhere; }
.striate-check .finding { background: var(--card); border: 1px solid var(--rule); border-left: 4px solid var(--tone);
  border-radius: 8px; padding: 15px 20px 16px; margin: 12px auto; }
.striate-check .finding.error { --tone: var(--error); --tint: var(--error-tint); }
.striate-check .finding.warning { --tone: var(--warning); --tint: var(--warning-tint); }
.striate-check .finding.note { --tone: var(--note); --tint: var(--note-tint); }
.striate-check .head { display: flex; gap: 11px; align-items: baseline; }
.striate-check .mark { color: var(--tone); background: var(--tint); border-radius: 5px; padding: 1px 8px 2px;
  font-size: 12px;
  font-weight: 600; }
.striate-check .kind { margin-left: auto; color: var(--quiet); font: 12px ui-monospace, "DejaVu Sans Mono", monospace;
  white-space: nowrap; }
.striate-check .why { max-width: 76ch; overflow-wrap: anywhere; }
.striate-check .shots { display: flex; flex-wrap: wrap; gap: 12px; margin: 13px 0 2px; }
.striate-check figure { margin: 0; max-width: 100%; }
.striate-check figure .set { display: flex; gap: 4px; min-height: 60px; align-items: flex-end; }
.striate-check figure img { display: block; border-radius: 4px; background: var(--rule); }
.striate-check figcaption { color: var(--quiet); font-size: 11.5px; line-height: 1.35; margin-top: 5px;
  overflow-wrap: anywhere; }
.striate-check .shots figure { width: min-content; min-width: 108px; }
.striate-check ul.names { margin: 10px 0 0; padding: 0; list-style: none; columns: 2 300px; column-gap: 28px;
  font: 12.5px/1.6 ui-monospace, "DejaVu Sans Mono", monospace; }
.striate-check ul.names li { overflow-wrap: anywhere; break-inside: avoid; }
.striate-check summary { cursor: pointer; color: var(--quiet); font-size: 13px; margin-top: 10px; }
.striate-check .panel { background: var(--card); border: 1px solid var(--rule); border-radius: 10px;
  padding: 18px 22px; }
.striate-check svg { display: block; width: 100%; height: auto; }
.striate-check svg text { fill: var(--ink); font-size: 12.5px; font-family: inherit; }
.striate-check svg.bars { max-width: 760px; }
.striate-check svg .n { fill: var(--quiet); font-variant-numeric: tabular-nums; }
.striate-check .s0 { fill: var(--s0); background: var(--s0); }
.striate-check .s1 { fill: var(--s1); background: var(--s1); }
.striate-check .s2 { fill: var(--s2); background: var(--s2); }
.striate-check .s3 { fill: var(--s3); background: var(--s3); }
.striate-check .s4 { fill: var(--s4); background: var(--s4); }
.striate-check .legend { display: flex; gap: 18px; font-size: 13px; color: var(--quiet); margin-bottom: 12px; }
.striate-check .legend i { display: inline-block; width: 11px; height: 11px; border-radius: 3px; margin-right: 6px; }
.striate-check .channels { display: grid; grid-template-columns: repeat(auto-fit, minmax(230px, 1fr)); gap: 26px; }
.striate-check .channels > div { max-width: 420px; }
.striate-check .histogram rect { fill: var(--hue); }
.striate-check .histogram text { fill: var(--quiet); font-size: 9.5px; }
.striate-check .histogram line { stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; }
.striate-check .histogram.red { --hue: var(--red); } .striate-check .histogram.green { --hue: var(--green); }
.striate-check .histogram.blue { --hue: var(--blue); } .striate-check .histogram.grey { --hue: var(--grey); }
.striate-check .sheets { display: grid; gap: 20px; }
.striate-check .sheets img { max-width: 100%; height: auto; background: none; }
.striate-check .sheets .head { margin-bottom: 7px; }
.striate-check .swatch { display: inline-block; width: 13px; height: 13px; border-radius: 4px;
  border: 1px solid var(--rule);
  vertical-align: -2px; margin-right: 6px; }
.striate-check footer { color: var(--quiet); font-size: 13px; margin-top: 40px; }
"""
