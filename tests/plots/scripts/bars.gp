# Final metric against an axis of the sweep.
# Draw it:  gnuplot -e "format='png'" figure.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 643,419 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2008,1310 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17cm,11.09cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'figure.'.format # '': the standard output
if (picture ne '') { set output picture }

set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 2 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 3 linecolor rgb '#000000' linewidth 1.3 pointtype 5 pointsize 0.55
# x mean lower upper n left right: BN
$mean1_1 << EOD
 0.793701 22.960693300000003 3.7813414315362697 42.140045168463736 2 0.51883 1.21419
 25.3984 2.951802075 0 10.813046354805115 2 16.6026 38.8542
EOD
# x value: each seed
$seeds1_1 << EOD
 0.793701 22.9924608
 0.793701 22.9289258
 25.3984 2.99943603
 25.3984 2.90416812
EOD
# x mean lower upper n left right: LN
$mean1_2 << EOD
 2 2.95201113 0 10.813513710901994 2 1.30737 3.05958

EOD
# x value: each seed
$seeds1_2 << EOD
 2 2.98830699
 2 2.91571527
EOD
# x mean lower upper n left right: no norm
$mean1_3 << EOD
 5.03968 3.0143624100000004 0 10.952478269709662 2 3.29436 7.70966
 161.27 2.9869264450000004 0 10.891434734913469 2 105.42 246.709
EOD
# x value: each seed
$seeds1_3 << EOD
 5.03968 3.04717701
 5.03968 2.98154781
 161.27 3.01495152
 161.27 2.95890137
EOD
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set label '' at screen 0.4020, screen 0.9832 point linestyle 1
set label "BN" at screen 0.4269, screen 0.9832 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set label '' at screen 0.4865, screen 0.9832 point linestyle 2
set label "LN" at screen 0.5113, screen 0.9832 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set label '' at screen 0.5709, screen 0.9832 point linestyle 3
set label "no norm" at screen 0.5957, screen 0.9832 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "batch size" at screen 0.5208, screen 0.0191 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "test error (%)" at screen 0.0108, screen 0.5171 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
floor = 0; top = 23.9122 # of the y axis: intervals that reach beyond are cut there
# panel 1: 
set logscale x
set xrange [0.420448208:304.437021]
set xtics nomirror out offset 0,0.5*up norotate ("2" 2, "64" 64) font ticks
set lmargin at screen 0.0541; set rmargin at screen 0.9875; set bmargin at screen 0.0699; set tmargin at screen 0.9643
set logscale x
set xrange [0.420448208:304.437021]
set xtics nomirror out offset 0,0.5*up norotate ("2" 2, "64" 64) font ticks
unset logscale y
set yrange [0:23.9121592]
set ytics nomirror out offset 0.9,0 norotate ("0" 0, "5" 5, "10" 10, "15" 15, "20" 20) font ticks
plot NaN notitle, \
     $mean1_1 using 1:2:6:7:(0):2 with boxxyerror fillstyle solid 0.45 noborder linecolor rgb '#d55e00' notitle, \
     $mean1_2 using 1:2:6:7:(0):2 with boxxyerror fillstyle solid 0.45 noborder linecolor rgb '#0072b2' notitle, \
     $mean1_3 using 1:2:6:7:(0):2 with boxxyerror fillstyle solid 0.45 noborder linecolor rgb '#000000' notitle, \
     $seeds1_1 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0d55e00' notitle, \
     $seeds1_2 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A00072b2' notitle, \
     $seeds1_3 using 1:2 with points pointtype 7 pointsize 0.25 linecolor rgb '#A0000000' notitle, \
     $mean1_1 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 1 notitle, \
     $mean1_1 using 1:($4 > top && $2 < top ? $2 : NaN):(0):(top - $2) with vectors filled size screen 0.0066,25 linestyle 1 notitle, \
     $mean1_2 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 2 notitle, \
     $mean1_3 using 1:($3 > floor ? $3 : floor):(0):($4 - ($3 > floor ? $3 : floor)) with vectors nohead linestyle 3 notitle
unset label; unset arrow; unset object

unset multiplot
