# Small-batch degradation: final error against the batch size.
# Draw it:  gnuplot -e "format='png'" small_batch.gp   (svg, png, pdf, or txt on the terminal; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 643,246 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2008,768 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17cm,6.5cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (format eq 'txt') { set terminal dumb noenhanced mono size 100,36 }
if (!exists('picture')) picture = format eq 'txt' ? '' : 'small_batch.'.format # '': the standard output
if (picture ne '') { set output picture }

set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#009e73' linewidth 1.3 pointtype 9 pointsize 0.55
set style line 3 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 4 linecolor rgb '#56b4e9' linewidth 1.3 pointtype 11 pointsize 0.55
set style line 5 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
# x mean lower upper n: BN
$mean1_1 << EOD
 2.32947 44.635999999999996 42.34876526380203 46.92323473619797 5
 4.65893 37.523999999999994 36.75749998569561 38.290500014304385 5
 9.31787 35.804 35.20871127810344 36.39928872189656 5
 37.2715 36.136 35.198950805309316 37.07304919469069 5
 149.086 40.858 38.59905177523392 43.116948224766084 5
EOD
# x value: each seed
$seeds1_1 << EOD
 2.32947 42.82
 2.32947 47.599999999999994
 2.32947 44.38999999999999
 2.32947 43.47
 2.32947 44.9
 4.65893 37.629999999999995
 4.65893 37.41
 4.65893 36.92999999999999
 4.65893 37.129999999999995
 4.65893 38.519999999999996
 9.31787 35.97
 9.31787 35.709999999999994
 9.31787 35.85
 9.31787 35.099999999999994
 9.31787 36.39
 37.2715 35.370000000000005
 37.2715 37.19
 37.2715 35.440000000000005
 37.2715 36.419999999999995
 37.2715 36.260000000000005
 149.086 38.62
 149.086 43.489999999999995
 149.086 39.839999999999996
 149.086 40.980000000000004
 149.086 41.36
EOD
# x mean lower upper n: GN
$mean1_2 << EOD
 2.15846 47.482 46.76723927132407 48.19676072867593 5
 4.31691 47.4 46.78000776586482 48.019992234135174 5
 8.63383 47.822 46.81673514675841 48.827264853241594 5
 34.5353 49.138 47.73134209741173 50.54465790258826 5
 138.141 55.53 53.866401912266696 57.193598087733314 5
EOD
# x value: each seed
$seeds1_2 << EOD
 2.15846 47.06
 2.15846 47.47
 2.15846 46.809999999999995
 2.15846 48.24
 2.15846 47.83
 4.31691 47.31999999999999
 4.31691 47.419999999999995
 4.31691 47.25
 4.31691 47.36
 4.31691 47.650000000000006
 8.63383 48.14000000000001
 8.63383 48.74000000000001
 8.63383 47.03000000000001
 8.63383 46.91
 8.63383 48.29
 34.5353 50.82
 34.5353 48.519999999999996
 34.5353 47.77
 34.5353 49.239999999999995
 34.5353 49.339999999999996
 138.141 55.08
 138.141 57.2
 138.141 56.580000000000005
 138.141 53.88999999999999
 138.141 54.89999999999999
EOD
# x mean lower upper n: LN
$mean1_3 << EOD
 2 49.028 48.4072852989484 49.6487147010516 5
 4 49.22 48.59924353322421 49.84075646677578 5
 8 49.062 47.69443801395184 50.429561986048164 5
 32 50.34799999999999 48.98470042614379 51.711299573856195 5
 128 57.006 55.41147425713259 58.60052574286742 5
EOD
# x value: each seed
$seeds1_3 << EOD
 2 49.029999999999994
 2 49.2
 2 48.650000000000006
 2 49.029999999999994
 2 49.23
 4 49.2
 4 49.62
 4 49.11
 4 48.809999999999995
 4 49.36000000000001
 8 49.309999999999995
 8 48.870000000000005
 8 48.25000000000001
 8 48.06
 8 50.82
 32 48.89
 32 51.47999999999999
 32 49.61
 32 50.49
 32 51.269999999999996
 128 55.269999999999996
 128 58.589999999999996
 128 57.78
 128 57.07
 128 56.31999999999999
EOD
# x mean lower upper n: IN
$mean1_4 << EOD
 1.85318 43.798 42.10761685568983 45.48838314431018 5
 3.70635 43.272 41.70407283842773 44.83992716157228 5
 7.4127 44.14 42.980223345339446 45.299776654660555 5
 29.6508 45.568000000000005 44.94961127481737 46.18638872518264 5
 118.603 50.117999999999995 47.118817221545285 53.117182778454705 5
EOD
# x value: each seed
$seeds1_4 << EOD
 1.85318 43.61000000000001
 1.85318 45.37
 1.85318 42.400000000000006
 1.85318 45.02
 1.85318 42.589999999999996
 3.70635 43.089999999999996
 3.70635 44.9
 3.70635 44.120000000000005
 3.70635 42.54
 3.70635 41.71
 7.4127 45.19
 7.4127 44.82000000000001
 7.4127 43.00000000000001
 7.4127 44.32000000000001
 7.4127 43.37
 29.6508 45.17
 29.6508 46.120000000000005
 29.6508 45.17
 29.6508 45.36
 29.6508 46.02
 118.603 50.19
 118.603 53.459999999999994
 118.603 49.82
 118.603 46.660000000000004
 118.603 50.459999999999994
EOD
# x mean lower upper n: no norm
$mean1_5 << EOD
 1.71713 43.588 42.972293079858524 44.20370692014147 5
 3.43426 44.330000000000005 42.742732777069335 45.91726722293067 5
 6.86852 44.614000000000004 43.25437508712052 45.97362491287949 5
 27.4741 46.75 44.52300370633316 48.97699629366685 5
 109.896 90 89.62743459427456 90.37256540572545 5
EOD
# x value: each seed
$seeds1_5 << EOD
 1.71713 43.620000000000005
 1.71713 44.26
 1.71713 43.37
 1.71713 43.47
 1.71713 43.220000000000006
 3.43426 44.03
 3.43426 46.4
 3.43426 42.96
 3.43426 43.81
 3.43426 44.45
 6.86852 44.11000000000001
 6.86852 45.93000000000001
 6.86852 43.059999999999995
 6.86852 44.74
 6.86852 45.230000000000004
 27.4741 46.74
 27.4741 45.35
 27.4741 47.36
 27.4741 49.41
 27.4741 44.88999999999999
 109.896 90
 109.896 90
 109.896 90
 109.896 90
 109.896 90
EOD
# x mean lower upper n: BN
$mean2_1 << EOD
 2.32947 44.635999999999996 42.34876526380203 46.92323473619797 5
 4.65893 37.523999999999994 36.75749998569561 38.290500014304385 5
 9.31787 35.804 35.20871127810344 36.39928872189656 5
 37.2715 36.136 35.198950805309316 37.07304919469069 5
 149.086 40.858 38.59905177523392 43.116948224766084 5
EOD
# x value: each seed
$seeds2_1 << EOD
 2.32947 42.82
 2.32947 47.599999999999994
 2.32947 44.38999999999999
 2.32947 43.47
 2.32947 44.9
 4.65893 37.629999999999995
 4.65893 37.41
 4.65893 36.92999999999999
 4.65893 37.129999999999995
 4.65893 38.519999999999996
 9.31787 35.97
 9.31787 35.709999999999994
 9.31787 35.85
 9.31787 35.099999999999994
 9.31787 36.39
 37.2715 35.370000000000005
 37.2715 37.19
 37.2715 35.440000000000005
 37.2715 36.419999999999995
 37.2715 36.260000000000005
 149.086 38.62
 149.086 43.489999999999995
 149.086 39.839999999999996
 149.086 40.980000000000004
 149.086 41.36
EOD
# x mean lower upper n: GN
$mean2_2 << EOD
 2.15846 47.482 46.76723927132407 48.19676072867593 5
 4.31691 47.4 46.78000776586482 48.019992234135174 5
 8.63383 47.822 46.81673514675841 48.827264853241594 5
 34.5353 49.138 47.73134209741173 50.54465790258826 5
 138.141 55.53 53.866401912266696 57.193598087733314 5
EOD
# x value: each seed
$seeds2_2 << EOD
 2.15846 47.06
 2.15846 47.47
 2.15846 46.809999999999995
 2.15846 48.24
 2.15846 47.83
 4.31691 47.31999999999999
 4.31691 47.419999999999995
 4.31691 47.25
 4.31691 47.36
 4.31691 47.650000000000006
 8.63383 48.14000000000001
 8.63383 48.74000000000001
 8.63383 47.03000000000001
 8.63383 46.91
 8.63383 48.29
 34.5353 50.82
 34.5353 48.519999999999996
 34.5353 47.77
 34.5353 49.239999999999995
 34.5353 49.339999999999996
 138.141 55.08
 138.141 57.2
 138.141 56.580000000000005
 138.141 53.88999999999999
 138.141 54.89999999999999
EOD
# x mean lower upper n: LN
$mean2_3 << EOD
 2 49.028 48.4072852989484 49.6487147010516 5
 4 49.22 48.59924353322421 49.84075646677578 5
 8 49.062 47.69443801395184 50.429561986048164 5
 32 50.34799999999999 48.98470042614379 51.711299573856195 5
 128 57.006 55.41147425713259 58.60052574286742 5
EOD
# x value: each seed
$seeds2_3 << EOD
 2 49.029999999999994
 2 49.2
 2 48.650000000000006
 2 49.029999999999994
 2 49.23
 4 49.2
 4 49.62
 4 49.11
 4 48.809999999999995
 4 49.36000000000001
 8 49.309999999999995
 8 48.870000000000005
 8 48.25000000000001
 8 48.06
 8 50.82
 32 48.89
 32 51.47999999999999
 32 49.61
 32 50.49
 32 51.269999999999996
 128 55.269999999999996
 128 58.589999999999996
 128 57.78
 128 57.07
 128 56.31999999999999
EOD
# x mean lower upper n: IN
$mean2_4 << EOD
 1.85318 44.434000000000005 42.931673789036005 45.936326210964005 5
 3.70635 44.178 43.196991142356886 45.159008857643116 5
 7.4127 44.57 41.766738993842836 47.373261006157165 5
 29.6508 47.843999999999994 46.47089139599209 49.217108604007905 5
 118.603 67.338 59.131688673985835 75.54431132601415 5
EOD
# x value: each seed
$seeds2_4 << EOD
 1.85318 43.19
 1.85318 46.17
 1.85318 43.42
 1.85318 44.95
 1.85318 44.440000000000005
 3.70635 44.93000000000001
 3.70635 44.76
 3.70635 44.08
 3.70635 42.92
 3.70635 44.199999999999996
 7.4127 45.230000000000004
 7.4127 45.74
 7.4127 41.48
 7.4127 43.169999999999995
 7.4127 47.230000000000004
 29.6508 47.519999999999996
 29.6508 48.28
 29.6508 48.59
 29.6508 46.06
 29.6508 48.77
 118.603 77.96
 118.603 67.24
 118.603 61.55
 118.603 62.040000000000006
 118.603 67.9
EOD
# x mean lower upper n: no norm
$mean2_5 << EOD
 1.71713 43.588 42.972293079858524 44.20370692014147 5
 3.43426 44.330000000000005 42.742732777069335 45.91726722293067 5
 6.86852 44.614000000000004 43.25437508712052 45.97362491287949 5
 27.4741 46.75 44.52300370633316 48.97699629366685 5
 109.896 90 89.62743459427456 90.37256540572545 5
EOD
# x value: each seed
$seeds2_5 << EOD
 1.71713 43.620000000000005
 1.71713 44.26
 1.71713 43.37
 1.71713 43.47
 1.71713 43.220000000000006
 3.43426 44.03
 3.43426 46.4
 3.43426 42.96
 3.43426 43.81
 3.43426 44.45
 6.86852 44.11000000000001
 6.86852 45.93000000000001
 6.86852 43.059999999999995
 6.86852 44.74
 6.86852 45.230000000000004
 27.4741 46.74
 27.4741 45.35
 27.4741 47.36
 27.4741 49.41
 27.4741 44.88999999999999
 109.896 90
 109.896 90
 109.896 90
 109.896 90
 109.896 90
EOD
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set arrow from screen 0.3024, screen 0.9713 to screen 0.3375, screen 0.9713 nohead linestyle 1 dashtype 1
set label '' at screen 0.3199, screen 0.9713 point linestyle 1
set label "BN" at screen 0.3448, screen 0.9713 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.3868, screen 0.9713 to screen 0.4219, screen 0.9713 nohead linestyle 2 dashtype 1
set label '' at screen 0.4044, screen 0.9713 point linestyle 2
set label "GN" at screen 0.4292, screen 0.9713 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.4713, screen 0.9713 to screen 0.5063, screen 0.9713 nohead linestyle 3 dashtype 1
set label '' at screen 0.4888, screen 0.9713 point linestyle 3
set label "LN" at screen 0.5136, screen 0.9713 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.5557, screen 0.9713 to screen 0.5908, screen 0.9713 nohead linestyle 4 dashtype 1
set label '' at screen 0.5733, screen 0.9713 point linestyle 4
set label "IN" at screen 0.5981, screen 0.9713 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.6355, screen 0.9713 to screen 0.6705, screen 0.9713 nohead linestyle 5 dashtype 1
set label '' at screen 0.6530, screen 0.9713 point linestyle 5
set label "no norm" at screen 0.6779, screen 0.9713 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "batch size, from large to small" at screen 0.5208, screen 0.0326 center noenhanced font sprintf(',%.3g', 8 * pt)
if (format eq 'txt') {
    set label "test error (%)" at screen 0.0000, screen 0.9622 left noenhanced font sprintf(',%.3g', 8 * pt)
} else {
    set label "test error (%)" at screen 0.0108, screen 0.4764 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)
}

set multiplot
floor = 32.8891; top = 92.5835 # of the y axis: intervals that reach beyond are cut there
# panel 1: rate chosen at batch size 32
set label "rate chosen at batch size 32" at screen 0.2812, screen 0.9227 center noenhanced font sprintf(',%.3g', 7.04 * pt)
set logscale x
set xrange [204.364387:1.25266444]
set xtics nomirror out offset 0,0.5*up norotate ("2" 2, "4" 4, "8" 8, "32" 32, "128" 128) font ticks
# x row runs colour: failed runs
$failed1 << EOD
 128 1 5 0
EOD
set lmargin at screen 0.0541; set rmargin at screen 0.5084; set bmargin at screen 0.8451; set tmargin at screen 0.8814
set object rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '#F0F0F0' fillstyle solid noborder
set label "failed" at screen 0.0482, screen 0.8632 right noenhanced font sprintf(',%.3g', 5.98 * pt)
unset border; unset xtics; unset ytics; unset logscale y; set yrange [0.5:1.5]
plot NaN notitle, \
     $failed1 using 1:2:3:4 with labels font sprintf(',%.3g', 5.98 * pt) textcolor rgb variable notitle
set border 3 linewidth 0.7
unset label; unset arrow; unset object

set lmargin at screen 0.0541; set rmargin at screen 0.5084; set bmargin at screen 0.1192; set tmargin at screen 0.8336
set logscale x
set xrange [204.364387:1.25266444]
set xtics nomirror out offset 0,0.5*up norotate ("2" 2, "4" 4, "8" 8, "32" 32, "128" 128) font ticks
unset logscale y
set yrange [32.8890974:92.583468]
set ytics nomirror out offset 0.9,0 norotate ("40" 40, "50" 50, "60" 60, "70" 70, "80" 80, "90" 90) font ticks
plot NaN notitle, \
     $seeds1_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds1_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0009e73' notitle, \
     $seeds1_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds1_4 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A056b4e9' notitle, \
     $seeds1_5 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean1_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $mean1_2 using 1:2 with lines linestyle 2 dashtype 1 notitle, \
     $mean1_3 using 1:2 with lines linestyle 3 dashtype 1 notitle, \
     $mean1_4 using 1:2 with lines linestyle 4 dashtype 1 notitle, \
     $mean1_5 using 1:2 with lines linestyle 5 dashtype 1 notitle, \
     $mean1_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean1_1 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 1 notitle, \
     $mean1_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean1_2 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 2 notitle, \
     $mean1_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean1_3 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 3 notitle, \
     $mean1_4 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 4 notitle, \
     $mean1_4 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 4 notitle, \
     $mean1_5 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 5 notitle, \
     $mean1_5 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 5 notitle, \
     $mean1_1 using 1:2 with points linestyle 1 notitle, \
     $mean1_2 using 1:2 with points linestyle 2 notitle, \
     $mean1_3 using 1:2 with points linestyle 3 notitle, \
     $mean1_4 using 1:2 with points linestyle 4 notitle, \
     $mean1_5 using 1:2 with points linestyle 5 notitle
unset label; unset arrow; unset object

# panel 2: rate chosen at batch size 2
set label "rate chosen at batch size 2" at screen 0.7604, screen 0.9227 center noenhanced font sprintf(',%.3g', 7.04 * pt)
set logscale x
set xrange [204.364387:1.25266444]
set xtics nomirror out offset 0,0.5*up norotate ("2" 2, "4" 4, "8" 8, "32" 32, "128" 128) font ticks
# x row runs colour: failed runs
$failed2 << EOD
 128 1 5 0
EOD
set lmargin at screen 0.5333; set rmargin at screen 0.9875; set bmargin at screen 0.8451; set tmargin at screen 0.8814
set object rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '#F0F0F0' fillstyle solid noborder
unset border; unset xtics; unset ytics; unset logscale y; set yrange [0.5:1.5]
plot NaN notitle, \
     $failed2 using 1:2:3:4 with labels font sprintf(',%.3g', 5.98 * pt) textcolor rgb variable notitle
set border 3 linewidth 0.7
unset label; unset arrow; unset object

set lmargin at screen 0.5333; set rmargin at screen 0.9875; set bmargin at screen 0.1192; set tmargin at screen 0.8336
set logscale x
set xrange [204.364387:1.25266444]
set xtics nomirror out offset 0,0.5*up norotate ("2" 2, "4" 4, "8" 8, "32" 32, "128" 128) font ticks
unset logscale y
set yrange [32.8890974:92.583468]
set ytics nomirror out offset 0.9,0 norotate ("" 40, "" 50, "" 60, "" 70, "" 80, "" 90) font ticks
plot NaN notitle, \
     $seeds2_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds2_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0009e73' notitle, \
     $seeds2_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds2_4 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A056b4e9' notitle, \
     $seeds2_5 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean2_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $mean2_2 using 1:2 with lines linestyle 2 dashtype 1 notitle, \
     $mean2_3 using 1:2 with lines linestyle 3 dashtype 1 notitle, \
     $mean2_4 using 1:2 with lines linestyle 4 dashtype 1 notitle, \
     $mean2_5 using 1:2 with lines linestyle 5 dashtype 1 notitle, \
     $mean2_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean2_1 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 1 notitle, \
     $mean2_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean2_2 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 2 notitle, \
     $mean2_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean2_3 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 3 notitle, \
     $mean2_4 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 4 notitle, \
     $mean2_4 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 4 notitle, \
     $mean2_5 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 5 notitle, \
     $mean2_5 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0066,25 linestyle 5 notitle, \
     $mean2_1 using 1:2 with points linestyle 1 notitle, \
     $mean2_2 using 1:2 with points linestyle 2 notitle, \
     $mean2_3 using 1:2 with points linestyle 3 notitle, \
     $mean2_4 using 1:2 with points linestyle 4 notitle, \
     $mean2_5 using 1:2 with points linestyle 5 notitle
unset label; unset arrow; unset object

unset multiplot
