# Small-batch degradation: final error against the batch size.
# Draw it:  gnuplot -e "format='png'" small_batch.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 325,240 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 1016,750 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 8.6cm,6.351cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'small_batch.'.format # '': the standard output
if (picture ne '') { set output picture }

set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#d55e00' linewidth 1.3 pointtype 6 pointsize 0.55
set style line 3 linecolor rgb '#d55e00' linewidth 1.3 pointtype 6 pointsize 0.55
set style line 4 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 5 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
# x mean lower upper n: BN, running
$mean1_1 << EOD
 2.64332 23.005556066666667 17.69910728855225 28.312004844781086 3
 84.5861 2.98486029 0.8000675892640099 5.16965299073599 3
EOD
# x value: each seed
$seeds1_1 << EOD
 2.64332 22.9924608
 2.64332 22.9289258
 2.64332 23.0952816
 84.5861 2.99943603
 84.5861 2.90416812
 84.5861 3.05097672
EOD
# x mean lower upper n: BN, precise
$mean1_2 << EOD
 2.29927 18.005556066666667 13.157517112884824 22.853595020448513 3
 73.5766 2.98486029 0.8000675892640099 5.16965299073599 3
EOD
# x mean lower upper n: BN, batch
$mean1_3 << EOD
 2 28.005556066666664 22.346563402217086 33.66454873111624 3
 64 2.98486029 0.8000675892640099 5.16965299073599 3
EOD
# x mean lower upper n: LN
$mean1_4 << EOD
 1.73968 31.998410626666672 0 100 3
 55.6699 2.98486029 0.8000675892640099 5.16965299073599 3
EOD
# x value: each seed
$seeds1_4 << EOD
 1.73968 90
 1.73968 2.91571527
 1.73968 3.07951661
 55.6699 2.99943603
 55.6699 2.90416812
 55.6699 3.05097672
EOD
# x mean lower upper n: no norm
$mean1_5 << EOD
 1.51325 3.0495446666666663 0.8429078700517272 5.256181463281607 3
 48.424 3.0306137166666667 0.8303444014513748 5.230883031881958 3
EOD
# x value: each seed
$seeds1_5 << EOD
 1.51325 3.04717701
 1.51325 2.98154781
 1.51325 3.11990918
 48.424 3.01495152
 48.424 2.95890137
 48.424 3.11798826
EOD
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set arrow from screen 0.1394, screen 0.9707 to screen 0.2087, screen 0.9707 nohead linestyle 1 dashtype 1
set label '' at screen 0.1741, screen 0.9707 point linestyle 1
set label "BN, running" at screen 0.2232, screen 0.9707 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.4380, screen 0.9707 to screen 0.5073, screen 0.9707 nohead linestyle 2 dashtype 2
set label '' at screen 0.4727, screen 0.9707 point linestyle 2
set label "BN, precise" at screen 0.5218, screen 0.9707 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.7366, screen 0.9707 to screen 0.8059, screen 0.9707 nohead linestyle 3 dashtype 3
set label '' at screen 0.7713, screen 0.9707 point linestyle 3
set label "BN, batch" at screen 0.8204, screen 0.9707 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.1394, screen 0.9253 to screen 0.2087, screen 0.9253 nohead linestyle 4 dashtype 1
set label '' at screen 0.1741, screen 0.9253 point linestyle 4
set label "LN" at screen 0.2232, screen 0.9253 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.4380, screen 0.9253 to screen 0.5073, screen 0.9253 nohead linestyle 5 dashtype 1
set label '' at screen 0.4727, screen 0.9253 point linestyle 5
set label "no norm" at screen 0.5218, screen 0.9253 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "batch size, from large to small" at screen 0.5504, screen 0.0333 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "test error (%)" at screen 0.0213, screen 0.4817 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
floor = 2.52082; top = 115 # of the y axis: intervals that reach beyond are cut there
# panel 1: 
set logscale x
set xrange [304.437021:0.420448208]
set xtics nomirror out offset 0,0.5*up norotate ("2" 2, "64" 64) font ticks
# x row runs colour: failed runs
$failed1 << EOD
 2 1 1 29362
EOD
set lmargin at screen 0.1253; set rmargin at screen 0.9754; set bmargin at screen 0.8532; set tmargin at screen 0.8903
set object rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '#F0F0F0' fillstyle solid noborder
set label "failed" at screen 0.1138, screen 0.8718 right noenhanced font sprintf(',%.3g', 5.98 * pt)
unset border; unset xtics; unset ytics; unset logscale y; set yrange [0.5:1.5]
plot NaN notitle, \
     $failed1 using 1:2:3:4 with labels font sprintf(',%.3g', 5.98 * pt) textcolor rgb variable notitle
set border 3 linewidth 0.7
unset label; unset arrow; unset object

set lmargin at screen 0.1253; set rmargin at screen 0.9754; set bmargin at screen 0.1220; set tmargin at screen 0.8415
set logscale x
set xrange [304.437021:0.420448208]
set xtics nomirror out offset 0,0.5*up norotate ("2" 2, "64" 64) font ticks
set logscale y
set yrange [2.52082457:115]
set ytics nomirror out offset 0.9,0 norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
plot NaN notitle, \
     $seeds1_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds1_4 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds1_5 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean1_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $mean1_2 using 1:2 with lines linestyle 2 dashtype 2 notitle, \
     $mean1_3 using 1:2 with lines linestyle 3 dashtype 3 notitle, \
     $mean1_4 using 1:2 with lines linestyle 4 dashtype 1 notitle, \
     $mean1_5 using 1:2 with lines linestyle 5 dashtype 1 notitle, \
     $mean1_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean1_1 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0131,25 linestyle 1 notitle, \
     $mean1_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean1_2 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0131,25 linestyle 2 notitle, \
     $mean1_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean1_3 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0131,25 linestyle 3 notitle, \
     $mean1_4 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 4 notitle, \
     $mean1_4 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0131,25 linestyle 4 notitle, \
     $mean1_5 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 5 notitle, \
     $mean1_5 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0131,25 linestyle 5 notitle, \
     $mean1_1 using 1:2 with points linestyle 1 notitle, \
     $mean1_2 using 1:2 with points linestyle 2 notitle, \
     $mean1_3 using 1:2 with points linestyle 3 notitle, \
     $mean1_4 using 1:2 with points linestyle 4 notitle, \
     $mean1_5 using 1:2 with points linestyle 5 notitle
unset label; unset arrow; unset object

unset multiplot
