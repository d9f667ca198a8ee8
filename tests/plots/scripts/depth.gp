# A quantity of tensors over the layers.
# Draw it:  gnuplot -e "format='png'" depth.gp   (svg, png or pdf; svg if not said)
# It needs nothing but this file: the numbers stand in the blocks below.
reset
set encoding utf8
if (!exists('format')) format = 'svg'
pt = format eq 'svg' ? 96.0 / 72.0 : 1.0 # svg sizes are pixels
up = format eq 'svg' ? 1.5 : 1.2         # and its lines are higher: labels move towards the axis
ticks = sprintf(',%.3g', 7.04 * pt)
if (format eq 'svg') { set terminal svg noenhanced size 673,299 background 'white' linewidth 1 fontscale 1 font "Helvetica,10.67" }
if (format eq 'png') { set terminal pngcairo noenhanced size 2102,933 fontscale 3.125 linewidth 3.125 pointscale 3.542 font "Helvetica,8" }
if (format eq 'pdf') { set terminal pdfcairo noenhanced size 17.8cm,7.899cm fontscale 0.75 linewidth 1.5 pointscale 0.68 font "Helvetica,8" }
if (!exists('picture')) picture = 'depth.'.format # '': the standard output
if (picture ne '') { set output picture }

# x mean lower upper n: BN
$line1_1 << EOD
 0 0.20000000031062842 0.16434913753583247 0.24338430200481165 5
 1 0.020000000031062844 0.016434913753583243 0.02433843020048117 5
EOD
# x mean lower upper n: LN
$line1_2 << EOD
 0 0.20000000031062842 0.16434913753583247 0.24338430200481165 5
 1 0.020000000031062844 0.016434913753583243 0.02433843020048117 5
EOD
# x mean lower upper n: no norm
$line1_3 << EOD
 0 0.20000000031062842 0.16434913753583247 0.24338430200481165 5
 1 0.020000000031062844 0.016434913753583243 0.02433843020048117 5
EOD
# x mean lower upper n: BN
$line2_1 << EOD
 0 0.20000000031062842 0.16434913753583247 0.24338430200481165 5
 1 0.020000000031062844 0.016434913753583243 0.02433843020048117 5
EOD
# x mean lower upper n: LN
$line2_2 << EOD
 0 0.21025421956000212 0.171210080308035 0.2582023018927988 4
 1 0.02102542195600022 0.017121008030803513 0.025820230189279886 4
EOD
# x mean lower upper n: no norm
$line2_3 << EOD
 0 0.20000000031062842 0.16434913753583247 0.24338430200481165 5
 1 0.020000000031062844 0.016434913753583243 0.02433843020048117 5
EOD
set style line 1 linecolor rgb '#d55e00' linewidth 1.3 pointtype 7 pointsize 0.55
set style line 2 linecolor rgb '#0072b2' linewidth 1.3 pointtype 5 pointsize 0.55
set style line 3 linecolor rgb '#000000' linewidth 1.3 pointtype 13 pointsize 0.55
set border 3 linewidth 0.7
set tics nomirror out scale 0.5
unset key
# legend
set arrow from screen 0.3964, screen 0.9764 to screen 0.4299, screen 0.9764 nohead linestyle 1 dashtype 1
set label "BN" at screen 0.4369, screen 0.9764 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.4770, screen 0.9764 to screen 0.5105, screen 0.9764 nohead linestyle 2 dashtype 1
set label "LN" at screen 0.5175, screen 0.9764 left noenhanced font sprintf(',%.3g', 7.04 * pt)
set arrow from screen 0.5577, screen 0.9764 to screen 0.5912, screen 0.9764 nohead linestyle 3 dashtype 1
set label "no norm" at screen 0.5981, screen 0.9764 left noenhanced font sprintf(',%.3g', 7.04 * pt)
# axis labels
set label "layer, from the input to the loss" at screen 0.5266, screen 0.0268 center noenhanced font sprintf(',%.3g', 8 * pt)
set label "norm of gradients" at screen 0.0103, screen 0.5034 center rotate by 90 noenhanced font sprintf(',%.3g', 8 * pt)

set multiplot
floor = -0.0103281 # of the y axis: bands that reach below it are cut there
# panel 1: batch size 64
set label "batch size 64" at screen 0.2899, screen 0.9364 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-0.5:1.5]
set xtics nomirror out offset 0,0.5*up norotate ("fc1" 0, "fc2" 1) font ticks
set lmargin at screen 0.0650; set rmargin at screen 0.5147; set bmargin at screen 0.0981; set tmargin at screen 0.9087
unset logscale x
set xrange [-0.5:1.5]
set xtics nomirror out offset 0,0.5*up norotate ("fc1" 0, "fc2" 1) font ticks
unset logscale y
set yrange [-0.0103280921:0.268530394]
set ytics nomirror out offset 0.9,0 norotate ("0" 0, "0.05" 0.05, "0.1" 0.1, "0.15" 0.15, "0.2" 0.2, "0.25" 0.25) font ticks
plot NaN notitle, \
     $line1_1 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#d55e00' notitle, \
     $line1_2 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#0072b2' notitle, \
     $line1_3 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#000000' notitle, \
     $line1_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $line1_2 using 1:2 with lines linestyle 2 dashtype 1 notitle, \
     $line1_3 using 1:2 with lines linestyle 3 dashtype 1 notitle
unset label; unset arrow; unset object

# panel 2: batch size 2
set label "batch size 2" at screen 0.7633, screen 0.9364 center noenhanced font sprintf(',%.3g', 7.04 * pt)
unset logscale x
set xrange [-0.5:1.5]
set xtics nomirror out offset 0,0.5*up norotate ("fc1" 0, "fc2" 1) font ticks
set lmargin at screen 0.5385; set rmargin at screen 0.9881; set bmargin at screen 0.0981; set tmargin at screen 0.9087
unset logscale x
set xrange [-0.5:1.5]
set xtics nomirror out offset 0,0.5*up norotate ("fc1" 0, "fc2" 1) font ticks
unset logscale y
set yrange [-0.0103280921:0.268530394]
set ytics nomirror out offset 0.9,0 norotate ("" 0, "" 0.05, "" 0.1, "" 0.15, "" 0.2, "" 0.25) font ticks
plot NaN notitle, \
     $line2_1 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#d55e00' notitle, \
     $line2_2 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#0072b2' notitle, \
     $line2_3 using 1:($3 > floor ? $3 : floor):4 with filledcurves fillstyle transparent solid 0.18 noborder linecolor rgb '#000000' notitle, \
     $line2_1 using 1:2 with lines linestyle 1 dashtype 1 notitle, \
     $line2_2 using 1:2 with lines linestyle 2 dashtype 1 notitle, \
     $line2_3 using 1:2 with lines linestyle 3 dashtype 1 notitle
unset label; unset arrow; unset object

unset multiplot
