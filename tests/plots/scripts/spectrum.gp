# The largest eigenvalues of the Hessian, over training.
# Draw it:  gnuplot -e "format='png'" spectrum.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 325,241 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 1016,753 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 8.6cm,6.372cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'spectrum.'.format # '': the standard output
if (picture ne '') { set output picture }

# x mean lower upper n: BN, batch size 64
$line1_1 << EOD
 10 5 1 5 2
 40 1.25 0.25 1.25 2
 70 0.714285714 0.142857143 0.714285714 2
 100 0.5 0.1 0.5 2
EOD
# x mean lower upper n: BN, batch size 2
$line1_2 << EOD
 10 5 1 5 2
 40 1.25 0.25 1.25 2
 70 0.714285714 0.142857143 0.714285714 2
 100 0.5 0.1 0.5 2
EOD
# x mean lower upper n: LN, batch size 64
$line1_3 << EOD
 10 5 1 5 2
 40 1.25 0.25 1.25 2
 70 0.714285714 0.142857143 0.714285714 2
 100 0.5 0.1 0.5 2
EOD
# x mean lower upper n: LN, batch size 2
$line1_4 << EOD
 10 5 1 5 2
 40 1.25 0.25 1.25 2
 70 0.714285714 0.142857143 0.714285714 2
 100 0.5 0.1 0.5 2
EOD
# x mean lower upper n: no norm, batch size 64
$line1_5 << EOD
 10 5 1 5 2
 40 1.25 0.25 1.25 2
 70 0.714285714 0.142857143 0.714285714 2
 100 0.5 0.1 0.5 2
EOD
# x mean lower upper n: no norm, batch size 2
$line1_6 << EOD
 10 5 1 5 2
 40 1.25 0.25 1.25 2
 70 0.714285714 0.142857143 0.714285714 2
 100 0.5 0.1 0.5 2
EOD
set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 3 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 4 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 5 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
set style line 6 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set arrow from screen 0.0941, screen 0.9708 to screen 0.1634, screen 0.9708 nohead linestyle 1 dashtype 1
set label "BN, batch size 64" at screen 0.1779, screen 0.9708 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.5695, screen 0.9708 to screen 0.6388, screen 0.9708 nohead linestyle 2 dashtype 2
set label "BN, batch size 2" at screen 0.6532, screen 0.9708 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.0941, screen 0.9255 to screen 0.1634, screen 0.9255 nohead linestyle 3 dashtype 1
set label "LN, batch size 64" at screen 0.1779, screen 0.9255 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.5695, screen 0.9255 to screen 0.6388, screen 0.9255 nohead linestyle 4 dashtype 2
set label "LN, batch size 2" at screen 0.6532, screen 0.9255 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.0941, screen 0.8803 to screen 0.1634, screen 0.8803 nohead linestyle 5 dashtype 1
set label "no norm, batch size 64" at screen 0.1779, screen 0.8803 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.5695, screen 0.8803 to screen 0.6388, screen 0.8803 nohead linestyle 6 dashtype 2
set label "no norm, batch size 2" at screen 0.6532, screen 0.8803 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "step" at screen 0.5371, screen 0.0332 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "eigenvalues of the Hessian" at screen 0.0213, screen 0.4845 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
floor = -0.8 # of the y axis: bands that reach below it are cut there
# panel 1: 
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
set lmargin at screen 0.1069; set rmargin at screen 0.9674; set bmargin at screen 0.1216; set tmargin at screen 0.8474
unset logscale x
set xrange [0:100]
set xtics nomirror out offset 0,0.5*up norotate ("0" 0, "20" 20, "40" 40, "60" 60, "80" 80, "100" 100) font ticks
unset logscale y
set yrange [-0.8:20.8]
set ytics nomirror out offset 0.9,0 norotate ("0" 0, "5" 5, "10" 10, "15" 15, "20" 20) font ticks
plot NaN notitle, \
     $line1_1 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#d55e00' notitle, \
     $line1_2 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#d55e00' notitle, \
     $line1_3 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#0072b2' notitle, \
     $line1_4 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#0072b2' notitle, \
     $line1_5 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#000000' notitle, \
     $line1_6 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#000000' notitle, \
     $line1_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $line1_2 using 1:2 with lines linestyle 2 dashtype 2 notitle, \
     $line1_3 using 1:2 with lines linestyle 3 dashtype 1 notitle, \
     $line1_4 using 1:2 with lines linestyle 4 dashtype 2 notitle, \
     $line1_5 using 1:2 with lines linestyle 5 dashtype 1 notitle, \
     $line1_6 using 1:2 with lines linestyle 6 dashtype 2 notitle, \
     20 with lines linewidth 1.5 dashtype 3 linecolor rgb '#404040' notitle
unset label; unset arrow; unset object

unset multiplot
