"""How the report looks: calm, light or dark as the reader's system is, printable."""

STYLE = """
:root { color-scheme: light dark; --page: #e9edf0; --panel: #fff; --raised: #f1f4f6; --rule: #cdd5db; --text: #14191e;
  --muted: #56626d; --accent: #08788a; --alarm: #c81e14; --warning: #9a5b00; --band: #eaf3f5; }
@media (prefers-color-scheme: dark) { :root { --page: #101418; --panel: #171c22; --raised: #222931; --rule: #2c353f;
  --text: #e8ecef; --muted: #98a4b0; --accent: #54c6d6; --alarm: #ff5449; --warning: #ffb648; --band: #1d2a31; } }
@media print { :root { color-scheme: light; --page: #fff; --panel: #fff; --raised: #f1f4f6; --rule: #cdd5db;
  --text: #14191e; --muted: #56626d; --accent: #08788a; --alarm: #c81e14; --warning: #9a5b00; --band: #eaf3f5; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text); font: 15px/1.5 Inter, "Segoe UI", "SF Pro Text",
  "Helvetica Neue", "Noto Sans", "DejaVu Sans", sans-serif; font-variant-numeric: tabular-nums; }
main { max-width: 1080px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 19px; margin: 0 0 12px; }
h3 { font-size: 16px; margin: 0 0 8px; display: flex; gap: 12px; align-items: baseline; flex-wrap: wrap; }
h4 { font-size: 13px; color: var(--muted); margin: 18px 0 4px; }
p { margin: 0 0 8px; }
section, header.card { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; padding: 20px 24px;
  margin: 0 0 16px; }
article { border-top: 1px solid var(--rule); padding: 18px 0 10px; }
article:first-of-type { border-top: 0; padding-top: 0; }
a { color: var(--accent); }
.quiet, .key, figcaption, dt { color: var(--muted); font-size: 13px; }
.lead { font-size: 17px; }
.verdict { font-size: 21px; font-weight: 700; }
.good { color: var(--accent); } .bad { color: var(--warning); } .alarm { color: var(--alarm); }
.badge { display: inline-block; background: var(--text); color: var(--panel); font-weight: 700; font-size: 13px;
  padding: 1px 9px; border-radius: 5px; margin: 0 8px 8px 0; }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(190px, 1fr)); gap: 12px 24px; margin: 16px 0 0; }
dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th { text-align: left; color: var(--muted); font-weight: 600; font-size: 12px; }
th, td { padding: 5px 14px 5px 0; border-bottom: 1px solid var(--rule); vertical-align: top;
  overflow-wrap: break-word; }
tr:last-child td { border-bottom: 0; }
.n { text-align: right; white-space: nowrap; }
ul { margin: 4px 0 8px; padding-left: 20px; }
.pictures { display: flex; flex-wrap: wrap; gap: 14px; margin: 0 0 12px; }
figure { margin: 0; flex: 1 1 300px; max-width: 480px; }
figure img { width: 100%; height: auto; display: block; border-radius: 5px; background: var(--raised); }
svg { width: 100%; height: auto; display: block; margin: 0 0 6px; font-size: 11px; }
svg text { fill: var(--muted); } svg .name { fill: var(--text); font-size: 12px; }
.whole { fill: var(--raised); stroke: var(--rule); stroke-width: .5; } .gap { fill: var(--alarm); }
.slow { fill: var(--warning); opacity: .7; } .film { fill: var(--accent); opacity: .6; } .clip { fill: var(--band); }
.axis { stroke: var(--muted); stroke-width: .7; } .mark { stroke: var(--muted); stroke-width: .6; opacity: .55; }
.signal { fill: var(--accent); stroke: var(--accent); stroke-width: 1; stroke-linejoin: round; }
.spread { stroke: var(--accent); opacity: .45; stroke-width: 2; } .point { fill: var(--accent); }
.known { stroke: var(--warning); fill: none; stroke-width: 1.2; }
.swatch { display: inline-block; width: 14px; height: 10px; margin: 0 2px 0 12px; vertical-align: baseline; }
.swatch:first-child { margin-left: 0; } rect.known { fill: var(--warning); stroke: none; }
rect.point { fill: var(--accent); } rect.spread { fill: var(--accent); stroke: none; } rect.mark { fill: var(--muted); }
details summary { cursor: pointer; color: var(--muted); font-size: 13px; }
pre { white-space: pre-wrap; font-size: 12px; overflow-wrap: anywhere; }
@media print { main { max-width: none; padding: 0; } section, header.card { border: 0; padding: 8px 0; }
  article, svg, figure, tr { break-inside: avoid; } body { font-size: 11pt; } }
"""
