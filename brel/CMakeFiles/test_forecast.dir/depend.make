# Empty dependencies file for test_forecast.
# This may be replaced when dependencies are built.
