# Metric over two keys of the sweep, a panel for each combination of the others.
# Draw it:  gnuplot -e "format='png'" heatmap.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 673,145 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2102,454 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17.8cm,3.844cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'heatmap.'.format # '': the standard output
if (picture ne '') { set output picture }

set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# axis labels
set label "learning rate" at screen 0.4795, screen 0.0551 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "batch size" at screen 0.0103, screen 0.5481 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
# the scale of colours: viridis, light is good
set palette defined (0 '#fde725', 1 '#addc30', 2 '#5ec962', 3 '#28ae80', 4 '#21918c', 5 '#2c728e', 6 '#3b528b', 7 '#472d7b', 8 '#440154')
set colorbox user origin screen 0.9217, screen 0.2016 size screen 0.0143, screen 0.6931 noborder
set logscale cb
set cbrange [2.57465864:103.19157]
set cbtics nomirror out offset 0,0 norotate ("" 3 1, "" 4 1, "5" 5, "" 6 1, "" 7 1, "" 8 1, "" 9 1, "10" 10, "20" 20, "" 30 1, "" 40 1, "50" 50, "" 60 1, "" 70 1, "" 80 1, "" 90 1, "100" 100) font ticks
set label "test error (%)" at screen 0.9857, screen 0.5481 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)
unset border; set tics scale 0
# column row mean n
$cell1 << EOD
0 0 22.960693300000003 2
1 0 22.960693300000003 2
2 0 22.960693300000003 2
0 1 2.951802075 2
1 1 2.951802075 2
2 1 2.951802075 2
EOD
# column row: the best mean
$best1 << EOD
0 1
1 1
2 1
EOD
# column row text colour
$text1 << EOD
0 0 23 16777215
1 0 23 16777215
2 0 23 16777215
0 1 3.0 0
1 1 3.0 0
2 1 3.0 0
EOD
# panel 1: BN
set label "BN" at screen 0.1863, screen 0.9515 center noenhanced font sprintf(',%.3g', 7.04 * pt)
set lmargin at screen 0.0516; set rmargin at screen 0.3210; set bmargin at screen 0.2016; set tmargin at screen 0.8947
unset logscale x
set xrange [-0.5:2.5]
set xtics nomirror out offset 0,0.5*up norotate ("0.01" 0, "0.1" 1, "1" 2) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("2" 0, "64" 1) font ticks
plot NaN notitle, \
     $cell1 using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     $best1 using 1:2:(0.46):(0.46) with boxxyerror fillstyle empty linecolor rgb '#000000' linewidth 1.6 notitle, \
     $text1 using 1:2:3:4 with labels font sprintf(',%.3g', 6.34 * pt) textcolor rgb variable notitle
unset colorbox
unset label; unset arrow; unset object

# column row mean n
$cell2 << EOD
0 0 2.95201113 2
1 0 2.95201113 2
2 0 90.0070741 2
0 1 2.951802075 2
1 1 2.951802075 2
2 1 89.9772732 2
EOD
# column row: the best mean
$best2 << EOD
0 1
1 1
EOD
# column row text colour
$text2 << EOD
0 0 3.0 0
1 0 3.0 0
2 0.2 90 16777215
2 -0.24 ×2 16777215
0 1 3.0 0
1 1 3.0 0
2 1.2 90 16777215
2 0.76 ×2 16777215
EOD
# panel 2: LN
set label "LN" at screen 0.4795, screen 0.9515 center noenhanced font sprintf(',%.3g', 7.04 * pt)
set lmargin at screen 0.3448; set rmargin at screen 0.6142; set bmargin at screen 0.2016; set tmargin at screen 0.8947
unset logscale x
set xrange [-0.5:2.5]
set xtics nomirror out offset 0,0.5*up norotate ("0.01" 0, "0.1" 1, "1" 2) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 1) font ticks
plot NaN notitle, \
     $cell2 using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     $best2 using 1:2:(0.46):(0.46) with boxxyerror fillstyle empty linecolor rgb '#000000' linewidth 1.6 notitle, \
     $text2 using 1:2:3:4 with labels font sprintf(',%.3g', 6.34 * pt) textcolor rgb variable notitle
unset colorbox
unset label; unset arrow; unset object

# column row mean n
$cell3 << EOD
0 0 3.0143624100000004 2
1 0 3.0143624100000004 2
0 1 2.9869264450000004 2
1 1 2.9869264450000004 2
EOD
# column row: all runs diverged
$hatched3 << EOD
2 0
2 1
EOD
# column row: the best mean
$best3 << EOD
0 1
1 1
EOD
# column row text colour
$text3 << EOD
0 0 3.0 0
1 0 3.0 0
2 0 ×2 0
0 1 3.0 0
1 1 3.0 0
2 1 ×2 0
EOD
# panel 3: no norm
set label "no norm" at screen 0.7727, screen 0.9515 center noenhanced font sprintf(',%.3g', 7.04 * pt)
set lmargin at screen 0.6380; set rmargin at screen 0.9074; set bmargin at screen 0.2016; set tmargin at screen 0.8947
unset logscale x
set xrange [-0.5:2.5]
set xtics nomirror out offset 0,0.5*up norotate ("0.01" 0, "0.1" 1, "1" 2) font ticks
unset logscale y
set yrange [-0.5:1.5]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 1) font ticks
plot NaN notitle, \
     $cell3 using 1:2:(0.5):(0.5):3 with boxxyerror fillstyle solid noborder linecolor palette notitle, \
     $hatched3 using 1:2:(0.5):(0.5) with boxxyerror fillstyle pattern 4 noborder linecolor rgb '#808080' notitle, \
     $best3 using 1:2:(0.46):(0.46) with boxxyerror fillstyle empty linecolor rgb '#000000' linewidth 1.6 notitle, \
     $text3 using 1:2:3:4 with labels font sprintf(',%.3g', 6.34 * pt) textcolor rgb variable notitle
unset colorbox
unset label; unset arrow; unset object

unset multiplot
