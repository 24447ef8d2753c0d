//! Incidents: timeline, holders, scope.
