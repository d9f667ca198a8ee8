# What tuning costs: the expected metric of the best of k settings.
# Draw it:  gnuplot -e "format='png'" best_of_k.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 325,221 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 1016,690 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 8.6cm,5.839cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'best_of_k.'.format # '': the standard output
if (picture ne '') { set output picture }

# k mean lower upper seeds: BN
$line1_1 << EOD
 1 12.910000000000002 12.244266048359219 13.575733951640787 6
 2 7.0326666666666675 6.037649220979463 8.027684112353873 6
 3 5.738833333333333 4.67109197801934 6.806574688647327 6
 4 5.203 4.127503369764028 6.278496630235973 6
 5 4.8950000000000005 3.6510990430761745 6.138900956923825 6
EOD
# k mean lower upper seeds: no norm
$line1_2 << EOD
 1 26.854000000000006 25.966520773614256 27.741479226385756 5
 2 8.705800000000002 7.580334843859321 9.831265156140681 5
 3 6.715599999999999 5.376926807278239 8.05427319272176 5
 4 5.8996 4.130506994508078 7.668693005491923 5
 5 5.13 2.6369439951030578 7.623056004896942 5
EOD
set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set arrow from screen 0.3551, screen 0.9681 to screen 0.4245, screen 0.9681 nohead linestyle 1 dashtype 1
set label '' at screen 0.3898, screen 0.9681 point linestyle 1
set label "BN" at screen 0.4389, screen 0.9681 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.5221, screen 0.9681 to screen 0.5914, screen 0.9681 nohead linestyle 2 dashtype 1
set label '' at screen 0.5567, screen 0.9681 point linestyle 2
set label "no norm" at screen 0.6058, screen 0.9681 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "learning rates tried (k)" at screen 0.5411, screen 0.0362 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "test error (%)" at screen 0.0213, screen 0.5325 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
floor = -1.10966 # of the y axis: bands that reach below it are cut there
# panel 1: 
unset logscale x
set xrange [0.55:5.45]
set xtics nomirror out offset 0,0.5*up norotate ("1" 1, "2" 2, "3" 3, "4" 4, "5" 5) font ticks
set lmargin at screen 0.1069; set rmargin at screen 0.9754; set bmargin at screen 0.1327; set tmargin at screen 0.9322
unset logscale x
set xrange [0.55:5.45]
set xtics nomirror out offset 0,0.5*up norotate ("1" 1, "2" 2, "3" 3, "4" 4, "5" 5) font ticks
unset logscale y
set yrange [-1.10965917:28.8511384]
set ytics nomirror out offset 0.9,0 norotate ("0" 0, "5" 5, "10" 10, "15" 15, "20" 20, "25" 25) font ticks
plot NaN notitle, \
     $line1_1 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.15 noborder linecolor rgb '#d55e00' notitle, \
     $line1_2 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.15 noborder linecolor rgb '#000000' notitle, \
     $line1_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $line1_2 using 1:2 with lines linestyle 2 dashtype 1 notitle, \
     $line1_1 using 1:2 with points linestyle 1 notitle, \
     $line1_2 using 1:2 with points linestyle 2 notitle
unset label; unset arrow; unset object

unset multiplot
