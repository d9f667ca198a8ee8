# Learning-rate tolerance: final metric and failed runs against the rate.
# Draw it:  gnuplot -e "format='png'" lr_tolerance.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 325,258 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 1016,806 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 8.6cm,6.82cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'lr_tolerance.'.format # '': the standard output
if (picture ne '') { set output picture }

set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 3 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
# x mean lower upper n: BN
$mean1_1 << EOD
 0.00868138 2.98486029 0.8000675892640099 5.16965299073599 3
 0.0868138 2.98486029 0.8000675892640099 5.16965299073599 3
 0.868138 2.98486029 0.8000675892640099 5.16965299073599 3
EOD
# x value: each seed
$seeds1_1 << EOD
 0.00868138 2.99943603
 0.00868138 2.90416812
 0.00868138 3.05097672
 0.0868138 2.99943603
 0.0868138 2.90416812
 0.0868138 3.05097672
 0.868138 2.99943603
 0.868138 2.90416812
 0.868138 3.05097672
EOD
# the largest usable rate
$largest1_1 << EOD
 0.868138 2.98486029
EOD
# x mean lower upper n: LN
$mean1_2 << EOD
 0.01 2.98486029 0.8000675892640099 5.16965299073599 3
 0.1 2.98486029 0.8000675892640099 5.16965299073599 3
 1 90.02221093333334 86.23022142723025 93.81420043943642 3
EOD
# x value: each seed
$seeds1_2 << EOD
 0.01 2.99943603
 0.01 2.90416812
 0.01 3.05097672
 0.1 2.99943603
 0.1 2.90416812
 0.1 3.05097672
 1 90.005697
 1 89.9488494
 1 90.1120864
EOD
# the largest usable rate
$largest1_2 << EOD
 0.1 2.98486029
EOD
# x mean lower upper n: no norm
$mean1_3 << EOD
 0.0115189 3.0306137166666667 0.8303444014513748 5.230883031881958 3
 0.115189 3.0306137166666667 0.8303444014513748 5.230883031881958 3
 1.15189 90 90 90 3
EOD
# x value: each seed
$seeds1_3 << EOD
 0.0115189 3.01495152
 0.0115189 2.95890137
 0.0115189 3.11798826
 0.115189 3.01495152
 0.115189 2.95890137
 0.115189 3.11798826
 1.15189 90
 1.15189 90
 1.15189 90
EOD
# the largest usable rate
$largest1_3 << EOD
 0.115189 3.0306137166666667
EOD
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
set label "Rates, that are tolerated" at screen 0.5000, screen 0.9698 center noenhanced font sprintf(',%.3g', 8 * pt)
# legend
set arrow from screen 0.2629, screen 0.9247 to screen 0.3322, screen 0.9247 nohead linestyle 1 dashtype 1
set label '' at screen 0.2975, screen 0.9247 point linestyle 1
set label "BN" at screen 0.3466, screen 0.9247 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.4298, screen 0.9247 to screen 0.4991, screen 0.9247 nohead linestyle 2 dashtype 1
set label '' at screen 0.4645, screen 0.9247 point linestyle 2
set label "LN" at screen 0.5135, screen 0.9247 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.5967, screen 0.9247 to screen 0.6660, screen 0.9247 nohead linestyle 3 dashtype 1
set label '' at screen 0.6314, screen 0.9247 point linestyle 3
set label "no norm" at screen 0.6805, screen 0.9247 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "Lernrate η \140x\140" at screen 0.5323, screen 0.0310 center noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
floor = 2.52727; top = 107.805 # of the y axis: intervals that reach beyond are cut there
# panel 1: 
set logscale x
set xrange [0.00354813389:2.81838293]
set xtics nomirror out offset 0,0.5*up norotate ("0.01" 0.01, "0.1" 0.1, "1" 1) font ticks
# x row runs colour: failed runs
$failed1 << EOD
 1 2 3 29362
 1 1 3 0
EOD
set lmargin at screen 0.0892; set rmargin at screen 0.9754; set bmargin at screen 0.8229; set tmargin at screen 0.8921
set object rectangle from graph 0,0 to graph 1,1 behind fillcolor rgb '#F0F0F0' fillstyle solid noborder
set label "failed" at screen 0.0777, screen 0.8575 right noenhanced font sprintf(',%.3g', 5.98 * pt)
unset border; unset xtics; unset ytics; unset logscale y; set yrange [0.5:2.5]
plot NaN notitle, \
     $failed1 using 1:2:3:4 with labels font sprintf(',%.3g', 5.98 * pt) textcolor rgb variable notitle
set border 3 linewidth 0.7
unset label; unset arrow; unset object

set lmargin at screen 0.0892; set rmargin at screen 0.9754; set bmargin at screen 0.1136; set tmargin at screen 0.8120
set logscale x
set xrange [0.00354813389:2.81838293]
set xtics nomirror out offset 0,0.5*up norotate ("0.01" 0.01, "0.1" 0.1, "1" 1) font ticks
set logscale y
set yrange [2.52727139:107.804888]
set ytics nomirror out offset 0.9,0 norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
plot NaN notitle, \
     $seeds1_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds1_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds1_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean1_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $mean1_2 using 1:2 with lines linestyle 2 dashtype 1 notitle, \
     $mean1_3 using 1:2 with lines linestyle 3 dashtype 1 notitle, \
     $mean1_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean1_1 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0131,25 linestyle 1 notitle, \
     $mean1_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean1_2 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0131,25 linestyle 2 notitle, \
     $mean1_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle, \
     $mean1_3 using 1:($3 < floor && $2 > floor ? $2 : NaN):(0):(floor - $2) with vectors filled size screen 0.0131,25 linestyle 3 notitle, \
     $mean1_1 using 1:2 with points linestyle 1 notitle, \
     $mean1_2 using 1:2 with points linestyle 2 notitle, \
     $mean1_3 using 1:2 with points linestyle 3 notitle, \
     $largest1_1 using 1:2 with points pointtype 6 pointsize 1.3 linewidth 1 linecolor rgb '#d55e00' notitle, \
     $largest1_2 using 1:2 with points pointtype 6 pointsize 1.3 linewidth 1 linecolor rgb '#0072b2' notitle, \
     $largest1_3 using 1:2 with points pointtype 6 pointsize 1.3 linewidth 1 linecolor rgb '#000000' notitle
unset label; unset arrow; unset object

unset multiplot
