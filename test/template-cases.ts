// Templates and what they print, for the unit tests, and for the comparison with promtool.

/** [template, what it prints] by subject. */
export const TEMPLATES: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  'the alert': [
    ['no template at all', 'no template at all'],
    ['{{ $value }}', '1.234567e+06'],
    ['{{ .Value }}', '1.234567e+06'],
    ['{{ $labels.instance }}', '10.0.0.5:6379'],
    ['{{ $labels }}', 'map[__name__:redis_up instance:10.0.0.5:6379 job:redis]'],
    ['[{{ $labels.missing }}]', '[]'],
    [
      '{{ $externalLabels.site }} {{ $externalURL }} {{ externalURL }} {{ pathPrefix }}',
      'fra http://host:7379/respite http://host:7379/respite /respite',
    ],
    ['{{ now }}', '1.353755652e+09'],
  ],
  values: [
    ['{{ 1 }} {{ 1.0 }} {{ 1.50 }} {{ -3 }} {{ 0x1F }}', '1 1 1.5 -3 31'],
    [
      '{{ 100000.0 }} {{ 1000000.0 }} {{ 100000000 }} {{ 1e21 }} {{ 0.0001 }} {{ 0.00001 }}',
      '100000 1e+06 100000000 1e+21 0.0001 1e-05',
    ],
    ['{{ "a\\tb" }} {{ `raw \\t` }} {{ true }}', 'a\tb raw \\t true'],
    ["{{ 'a' }}", '97'],
    [
      '{{ .Missing | print }}{{ "x" }}',
      '<error expanding template: error executing template __alert_High: template: __alert_High:1:115: executing "__alert_High" at <.Missing>: can\'t evaluate field Missing in type struct { Labels map[string]string; ExternalLabels map[string]string; ExternalURL string; Value interface {} }>',
    ],
    ['{{ (args 1).arg7 }}', '<no value>'],
  ],
  control: [
    ['{{ if gt $value 5.0 }}much{{ else }}little{{ end }}', 'much'],
    ['{{ if eq $labels.job "x" }}x{{ else if eq $labels.job "y" "redis" }}r{{ else }}-{{ end }}', 'r'],
    ['{{ with $labels.missing }}has{{ else }}has not{{ end }}', 'has not'],
    ['{{ with $x := 5 }}{{ $x }}{{ . }}{{ end }}', '55'],
    ['{{ range query "sort_desc(x)" }}{{ .Labels.server }}={{ .Value }} {{ end }}', 'b=21 a=11.5 '],
    ['{{ range query "x" | sortByLabel "server" }}{{ .Labels.server }} {{ end }}', 'a b '],
    ['{{ range $i, $s := query "sort_desc(x)" }}{{ $i }}{{ $s.Labels.server }}{{ end }}', '0b1a'],
    ['{{ range query "none" }}x{{ else }}nobody{{ end }}', 'nobody'],
    ['{{ range $k, $v := $labels }}{{ $k }};{{ end }}', '__name__;instance;job;'],
    ['{{ range query "sort_desc(x)" }}{{ .Value }}{{ break }}{{ end }}', '21'],
    ['{{ range query "x" }}{{ if eq .Value 21.0 }}{{ continue }}{{ end }}{{ .Value }}{{ end }}', '11.5'],
    ['{{ $n := 1 }}{{ range query "x" }}{{ $n = len "ab" }}{{ end }}{{ $n }}', '2'],
    ['{{ define "row" }}{{ .arg0 }}-{{ .arg1 }}{{ end }}{{ template "row" (args 1 "2") }}', '1-2'],
    ['{{ block "b" $value }}{{ . | humanize }}{{ end }}', '1.235M'],
    ['a {{- /* nothing */ -}} b', 'ab'],
    ['a {{- 1 -}} b', 'a1b'],
    ['a {{ 1 }} b', 'a 1 b'],
  ],
  'functions of Go': [
    ['{{ and 1 0 }} {{ or 0 "x" }} {{ not true }}', '0 x false'],
    ['{{ or (eq 1 1) (first (query "none")) }}', 'true'], // the second is not asked
    ['{{ lt 1 2 }} {{ le 2 2 }} {{ ge 1.5 2.5 }} {{ ne "a" "b" }}', 'true true false true'],
    ['{{ index $labels "job" }} {{ len $labels.job }} {{ slice "abcdef" 1 3 }}', 'redis 5 bc'],
    [
      '{{ printf "%s has %.2f and %d, %q %v %5.1f|%-4d|%04d" "a" 1.005 3 "q" $value 2.25 7 7 }}',
      'a has 1.00 and 3, "q" 1.234567e+06   2.2|7   |0007',
    ],
    ['{{ print 1 2 "x" 3 4 }}', '1 2x3 4'],
    ['{{ html "<a&b>" }} {{ urlquery "a b&c" }}', '&lt;a&amp;b&gt; a+b%26c'],
    ['{{ $value | printf "%.0f" | len }}', '7'],
  ],
  'functions of Prometheus': [
    ['{{ query "sort_desc(x)" | first | value }} {{ query "sort_desc(x)" | first | label "server" }}', '21 b'],
    ['{{ index (query "sort_desc(x)") 1 | strvalue }}', 'text'],
    [
      '{{ humanize 0.0 }} {{ humanize 1.0 }} {{ humanize 1234567.0 }} {{ humanize .12 }} {{ humanize -1 }} {{ humanize "1500" }}',
      '0 1 1.235M 120m -1 1.5k',
    ],
    [
      '{{ humanize1024 0.0 }} {{ humanize1024 1.0 }} {{ humanize1024 1048576.0 }} {{ humanize1024 .12 }}',
      '0 1 1Mi 0.12',
    ],
    [
      '{{ humanizeDuration 0 }} {{ humanizeDuration 60 }} {{ humanizeDuration 3600 }} {{ humanizeDuration 86400 }}',
      '0s 1m 0s 1h 0m 0s 1d 0h 0m 0s',
    ],
    [
      '{{ humanizeDuration 1.2345 }} {{ humanizeDuration .1 }} {{ humanizeDuration .1235 }} {{ humanizeDuration 899.99 }} {{ humanizeDuration -90 }}',
      '1.234s 100ms 123.5ms 14m 59s -1m 30s',
    ],
    [
      '{{ humanizePercentage -.22222 }} {{ humanizePercentage .1235 }} {{ humanizePercentage 1.235 }}',
      '-22.22% 12.35% 123.5%',
    ],
    [
      '{{ humanizeTimestamp 0 }} {{ humanizeTimestamp 1435065584.128 }}',
      '1970-01-01 00:00:00 +0000 UTC 2015-06-23 13:19:44.128 +0000 UTC',
    ],
    [
      '{{ humanize "+Inf" }} {{ humanize1024 "-Inf" }} {{ humanizeDuration "NaN" }} {{ humanizeTimestamp "NaN" }}',
      '+Inf -Inf NaN NaN',
    ],
    [
      '{{ (1435065584.128 | toTime).Format "2006-01-02 15:04:05.000 Mon Jan _2 3PM" }}',
      '2015-06-23 13:19:44.128 Tue Jun 23 1PM',
    ],
    ['{{ (1800 | toDuration).String }} {{ 0.0015 | toDuration }} {{ (now | toTime).Year }}', '30m0s 1.5ms 2012'],
    ['{{ parseDuration "1h2m" }} {{ parseDuration "-30m" }}', '3720 -1800'],
    ['{{ "aa bb CC" | title }} {{ "aB" | toUpper }} {{ "aB" | toLower }}', 'Aa Bb CC AB ab'],
    [
      '{{ reReplaceAll "(.*):(\\\\d+)" "${2}/$1" "host:6379" }} {{ match "a+" "caat" }} {{ match "^a" "b" }}',
      '6379/host true false',
    ],
    [
      '{{ stripPort "[2001:db8::1]:6379" }} {{ stripPort "host" }} {{ stripDomain "a.b.c:1" }} {{ stripDomain "10.0.0.5:1" }}',
      '2001:db8::1 host a:1 10.0.0.5:1',
    ],
    ['{{ graphLink "up > 0" }} {{ tableLink "up" }}', '/graph?g0.expr=up+%3E+0&g0.tab=0 /graph?g0.expr=up&g0.tab=1'],
    ['{{ urlQueryEscape "a b" }} {{ safeHtml "<b>" }}', 'a+b <b>'],
  ],
}
