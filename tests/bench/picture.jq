# SPDX-License-Identifier: Apache-2.0
# jq -r -f picture.jq TRACE > PICTURE.svg: a trace of `ocictr --trace` as a picture: a lane for each
# half, a box for each span, time from left to right.
def width: 1000;
# Waiting for the other half, or for the program, is nobody's work.
def waits: .name == "meet" or .name == "wait_for_start" or .name == "wait for the program";
def colour: if waits then "#f0f0f0" else {"prepare": "#9ecae1", "namespaces": "#fdae6b", "cgroup": "#a1d99b", "tree": "#bcbddc",
             "pivot": "#fa9fb5", "process": "#dfc27d", "start": "#80cdc1"}[.cat // ""] // "#d0d0d0" end;
def escaped: gsub("&"; "&amp;") | gsub("<"; "&lt;");
def rounded: . * 10 | round / 10;

[.traceEvents[] | select(.ph == "X")] as $spans
| $spans[0] as $whole
| (width / $whole.dur) as $scale
# Parts of the command above, steps of the plan below them.
| def row: if .tid == 2 then 3 elif .cat then 2 elif .name == $whole.name and .ts == $whole.ts then 0 else 1 end;
  def y: 40 + row * 44 + (if row == 3 then 14 else 0 end);
  def x: (.ts - $whole.ts) * $scale;
  def box: (.dur * $scale) as $w
    | "<g><title>\(.name | escaped): \(.dur | rounded) us\(if .args.text then " - " + (.args.text | escaped) else "" end)</title>"
    + "<rect x=\"\(x | rounded)\" y=\"\(y)\" width=\"\([$w, 0.3] | max | rounded)\" height=\"38\" fill=\"\(colour)\" stroke=\"#fff\" stroke-width=\"0.4\"/>"
    + (if $w > (.name | length) * 6.4 + 4 then "<text x=\"\(x + 3 | rounded)\" y=\"\(y + 23)\">\(.name | escaped)</text>" else "" end)
    + "</g>";
  "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 \(width) 270\" font-family=\"sans-serif\" font-size=\"11\">",
  "<rect width=\"\(width)\" height=\"270\" fill=\"#fff\"/>",
  "<text x=\"3\" y=\"15\">ocictr \($whole.name): \($whole.dur / 1000 * 100 | round / 100) ms from main() to the end. Grey: parts of the command; below: steps of the plan in the runtime; last row: in the container's process.</text>",
  (range(0; $whole.dur / 1000 | floor + 1) | "<text x=\"\(. * 1000 * $scale + 2 | rounded)\" y=\"32\" fill=\"#777\">\(.) ms</text><path d=\"M\(. * 1000 * $scale | rounded) 22V240\" stroke=\"#ddd\"/>"),
  ($spans[] | box),
  ([["prepare", "prepare"], ["namespaces", "namespaces"], ["cgroup", "control groups"], ["tree", "file system tree"],
    ["pivot", "pivot"], ["process", "attributes"], ["start", "start"], ["", "wait"]]
   | to_entries[] | "<rect x=\"\(.key * 124 + 3)\" y=\"248\" width=\"12\" height=\"12\" fill=\"\(if .value[1] == "wait" then {name: "meet"} else {cat: .value[0]} end | colour)\"/><text x=\"\(.key * 124 + 19)\" y=\"258\">\(.value[1])</text>"),
  "</svg>"
