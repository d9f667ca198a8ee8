# Runs that are not yet at the target, against weight updates.
# Draw it:  gnuplot -e "format='png'" steps.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 673,300 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2102,937 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17.8cm,7.931cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'steps.'.format # '': the standard output
if (picture ne '') { set output picture }

set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 3 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set arrow from screen 0.3942, screen 0.9765 to screen 0.4276, screen 0.9765 nohead linestyle 1 dashtype 1
set label '' at screen 0.4109, screen 0.9765 point linestyle 1
set label "BN" at screen 0.4346, screen 0.9765 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.4748, screen 0.9765 to screen 0.5083, screen 0.9765 nohead linestyle 2 dashtype 1
set label '' at screen 0.4915, screen 0.9765 point linestyle 2
set label "LN" at screen 0.5153, screen 0.9765 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.5554, screen 0.9765 to screen 0.5889, screen 0.9765 nohead linestyle 3 dashtype 1
set label '' at screen 0.5722, screen 0.9765 point linestyle 3
set label "no norm" at screen 0.5959, screen 0.9765 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "weight updates" at screen 0.5243, screen 0.0267 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "runs not yet at the target (%)" at screen 0.0103, screen 0.5034 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
# panel 1: batch size 64
set label "batch size 64" at screen 0.2865, screen 0.9366 center noenhanced font sprintf(',%.3g', 7.04 * pt)
# updates share lower upper at_risk happened censored: BN
$line1_1 << EOD
 0 100 100 100 3 0 0
 20 0 0 0 3 3 0
EOD
# the median
$median1_1 << EOD
 20 50
EOD
# updates share lower upper at_risk happened censored: LN
$line1_2 << EOD
 0 100 100 100 3 0 0
 20 0 0 0 3 3 0
EOD
# the median
$median1_2 << EOD
 20 50
EOD
# updates share lower upper at_risk happened censored: no norm
$line1_3 << EOD
 0 100 100 100 3 0 0
 20 0 0 0 3 3 0
EOD
# the median
$median1_3 << EOD
 20 50
EOD
set lmargin at screen 0.0606; set rmargin at screen 0.5124; set bmargin at screen 0.0977; set tmargin at screen 0.9091
unset logscale x
set xrange [0:20.6]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "5" 5, "10" 10, "15" 15, "20" 20) font ticks
unset logscale y
set yrange [-4:104]
set ytics nomirror out offset 0.9,0 norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
plot 50 with lines linewidth 0.5 linecolor rgb '#B0B0B0' notitle, \
     $line1_1 using 1:2 with steps linestyle 1 dashtype 1 notitle, \
     $line1_2 using 1:2 with steps linestyle 2 dashtype 1 notitle, \
     $line1_3 using 1:2 with steps linestyle 3 dashtype 1 notitle, \
     $line1_1 using 1:($7 > 0 ? $2 : NaN) with points pointtype 1 pointsize 0.9 linewidth 1 linecolor rgb '#d55e00' notitle, \
     $median1_1 using 1:2 with points linestyle 1 notitle, \
     $line1_2 using 1:($7 > 0 ? $2 : NaN) with points pointtype 1 pointsize 0.9 linewidth 1 linecolor rgb '#0072b2' notitle, \
     $median1_2 using 1:2 with points linestyle 2 notitle, \
     $line1_3 using 1:($7 > 0 ? $2 : NaN) with points pointtype 1 pointsize 0.9 linewidth 1 linecolor rgb '#000000' notitle, \
     $median1_3 using 1:2 with points linestyle 3 notitle
unset label; unset arrow; unset object

# panel 2: batch size 2
set label "batch size 2" at screen 0.7622, screen 0.9366 center noenhanced font sprintf(',%.3g', 7.04 * pt)
# updates share lower upper at_risk happened censored: BN
$line2_1 << EOD
 0 100 100 100 3 0 0
 20 0 0 0 3 3 0
EOD
# the median
$median2_1 << EOD
 20 50
EOD
# updates share lower upper at_risk happened censored: LN
$line2_2 << EOD
 0 100 100 100 3 0 0
 20 0 0 0 3 3 0
EOD
# the median
$median2_2 << EOD
 20 50
EOD
# updates share lower upper at_risk happened censored: no norm
$line2_3 << EOD
 0 100 100 100 3 0 0
 20 0 0 0 3 3 0
EOD
# the median
$median2_3 << EOD
 20 50
EOD
set lmargin at screen 0.5362; set rmargin at screen 0.9881; set bmargin at screen 0.0977; set tmargin at screen 0.9091
unset logscale x
set xrange [0:20.6]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "5" 5, "10" 10, "15" 15, "20" 20) font ticks
unset logscale y
set yrange [-4:104]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 20, "" 40, "" 60, "" 80, "" 100) font ticks
plot 50 with lines linewidth 0.5 linecolor rgb '#B0B0B0' notitle, \
     $line2_1 using 1:2 with steps linestyle 1 dashtype 1 notitle, \
     $line2_2 using 1:2 with steps linestyle 2 dashtype 1 notitle, \
     $line2_3 using 1:2 with steps linestyle 3 dashtype 1 notitle, \
     $line2_1 using 1:($7 > 0 ? $2 : NaN) with points pointtype 1 pointsize 0.9 linewidth 1 linecolor rgb '#d55e00' notitle, \
     $median2_1 using 1:2 with points linestyle 1 notitle, \
     $line2_2 using 1:($7 > 0 ? $2 : NaN) with points pointtype 1 pointsize 0.9 linewidth 1 linecolor rgb '#0072b2' notitle, \
     $median2_2 using 1:2 with points linestyle 2 notitle, \
     $line2_3 using 1:($7 > 0 ? $2 : NaN) with points pointtype 1 pointsize 0.9 linewidth 1 linecolor rgb '#000000' notitle, \
     $median2_3 using 1:2 with points linestyle 3 notitle
unset label; unset arrow; unset object

unset multiplot
