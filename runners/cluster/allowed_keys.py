"""Allowed keys where Ray's schema checks none, although a misspelt key fails or is ignored on the cloud."""

from __future__ import annotations

PROVIDER = {
    "aws": {
        "type",
        "region",
        "availability_zone",
        "aws_credentials",
        "cache_stopped_nodes",
        "cloudwatch",
        "disable_launch_config_check",
        "disable_node_updaters",
        "foreground_node_launch",
        "key_pair",
        "security_group",
        "use_internal_ips",
    },
    "gcp": {
        "type",
        "region",
        "availability_zone",
        "cache_stopped_nodes",
        "disable_launch_config_check",
        "disable_node_updaters",
        "foreground_node_launch",
        "gcp_credentials",
        "project_id",
        "use_internal_ips",
    },
    "local": {
        "type",
        "coordinator_address",
        "disable_launch_config_check",
        "disable_node_updaters",
        "external_head_ip",
        "foreground_node_launch",
        "head_ip",
        "use_internal_ips",
        "worker_ips",
    },
}
"""Provider type -> keys of `provider` that Ray 2.60 reads."""

_RUN_INSTANCES = """
AdditionalInfo BlockDeviceMappings CapacityReservationSpecification ClientToken CpuOptions CreditSpecification
DisableApiStop DisableApiTermination DryRun EbsOptimized ElasticGpuSpecification ElasticInferenceAccelerators
EnablePrimaryIpv6 EnclaveOptions HibernationOptions IamInstanceProfile ImageId InstanceInitiatedShutdownBehavior
InstanceMarketOptions InstanceType Ipv6AddressCount Ipv6Addresses KernelId KeyName LaunchTemplate LicenseSpecifications
MaintenanceOptions MaxCount MetadataOptions MinCount Monitoring NetworkInterfaces NetworkPerformanceOptions Operator
Placement PrivateDnsNameOptions PrivateIpAddress RamdiskId SecondaryInterfaces SecurityGroupIds SecurityGroups SubnetId
TagSpecifications UserData
"""
_INSTANCES = """
advancedMachineFeatures canIpForward confidentialInstanceConfig deletionProtection description disks displayDevice
guestAccelerators hostname instanceEncryptionKey keyRevocationActionType labels machineType metadata minCpuPlatform name
networkInterfaces networkPerformanceConfig params privateIpv6GoogleAccess reservationAffinity resourcePolicies
scheduling serviceAccounts shieldedInstanceConfig shieldedInstanceIntegrityPolicy sourceInstanceTemplate
sourceMachineImage sourceMachineImageEncryptionKey tags acceleratorType acceleratorConfig runtimeVersion networkConfig
"""
NODE_CONFIG = {
    "aws": {*_RUN_INSTANCES.split(), "SubnetIds"},
    "gcp": set(_INSTANCES.split()),
}
"""Provider type -> keys of `node_config`: EC2's RunInstances, Compute Engine's instances, and Ray's additions."""

RAYJOB = set(
    """
activeDeadlineSeconds backoffLimit clusterSelector deletionStrategy entrypoint entrypointNumCpus entrypointNumGpus
entrypointResources jobId managedBy metadata preRunningDeadlineSeconds rayClusterSpec runtimeEnvYAML
shutdownAfterJobFinishes submissionMode submitterConfig submitterPodTemplate suspend ttlSecondsAfterFinished
""".split()
)
RAY_CLUSTER = set(
    """
authOptions autoscalerOptions enableInTreeAutoscaling gcsFaultToleranceOptions headGroupSpec headServiceAnnotations
managedBy networkPolicy rayVersion suspend upgradeStrategy workerGroupSpecs
""".split()
)
HEAD_GROUP = set("enableIngress headService labels rayStartParams resources serviceType template".split())
WORKER_GROUP = set(
    """
groupName idleTimeoutSeconds labels maxReplicas minReplicas numOfHosts rayStartParams replicas resources scaleStrategy
suspend template
""".split()
)
"""Keys of KubeRay's ray.io/v1 objects."""

SBATCH = set(
    """
account acctg-freq array batch bb bbf begin bell chdir cluster-constraint clusters comment constraint container
contiguous core-spec cores-per-socket cpu-freq cpus-per-gpu cpus-per-task deadline delay-boot dependency distribution
error exclude exclusive export export-file extra-node-info get-user-env gid gpu-bind gpu-freq gpus gpus-per-node
gpus-per-socket gpus-per-task gres gres-flags hint hold ignore-pbs input job-name kill-on-invalid-dep licenses mail-type
mail-user mcs-label mem mem-bind mem-per-cpu mem-per-gpu mincpus network nice no-kill no-requeue nodefile nodelist nodes
ntasks ntasks-per-core ntasks-per-gpu ntasks-per-node ntasks-per-socket open-mode output overcommit oversubscribe
parsable partition power prefer priority profile propagate qos quiet reboot requeue reservation signal
sockets-per-node spread-job switches test-only thread-spec threads-per-core time time-min tmp tres-per-task uid
use-min-nodes verbose wait wait-all-nodes wckey
""".split()
)
"""Long options of `sbatch`."""
